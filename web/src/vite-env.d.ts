/// <reference types="vite/client" />

/** The address of the base map's GeoJSON, made at build time by scripts/basemap.mjs. */
declare module "virtual:basemap" {
  const url: string;
  export default url;
}
