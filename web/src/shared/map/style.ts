/** The map's style: plain land and sea of our own, and a city's tiles above them if it has named any. */

import basemapUrl from "virtual:basemap";
import type { StyleSpecification } from "maplibre-gl";

export interface MapColours {
  readonly sea: string;
  readonly land: string;
  readonly abroad: string;
  readonly coast: string;
}

/** The colours that the page's CSS gives the map, light or dark as the person asked for. */
export function coloursOf(element: Element): MapColours {
  const css = getComputedStyle(element);
  const read = (name: string) => css.getPropertyValue(name).trim();
  return {
    sea: read("--map-sea"),
    land: read("--map-land"),
    abroad: read("--map-abroad"),
    coast: read("--map-coast"),
  };
}

export function mapStyle(colours: MapColours, tileUrl: string | null): StyleSpecification {
  const style: StyleSpecification = {
    version: 8,
    sources: { land: { type: "geojson", data: new URL(basemapUrl, document.baseURI).href } },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": colours.sea } },
      {
        id: "land",
        type: "fill",
        source: "land",
        paint: { "fill-color": ["case", ["get", "home"], colours.land, colours.abroad] },
      },
      { id: "coast", type: "line", source: "land", paint: { "line-color": colours.coast, "line-width": 1 } },
    ],
  };
  if (tileUrl !== null) {
    style.sources.tiles = { type: "raster", tiles: [tileUrl], tileSize: 256, maxzoom: 18 };
    style.layers.push({ id: "tiles", type: "raster", source: "tiles" });
  }
  return style;
}
