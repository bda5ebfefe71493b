// Makes the base map: the land around Japan as GeoJSON, from Natural Earth (public domain) in `world-atlas`.
// Only what lies in the box below is kept, rounded to about 100 metres: the source is drawn at 1:10,000,000,
// finer digits would be weight without meaning. The neighbours, seen only from afar, come from 1:50,000,000.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { feature } from "topojson-client";

const BOX = { west: 122, south: 23, east: 150, north: 46.5 };
const DECIMALS = 3;

/** Sutherland–Hodgman: the part of a closed ring on one side of a line parallel to an axis. */
function clipSide(ring, axis, limit, keepAbove) {
  const inside = (point) => (keepAbove ? point[axis] >= limit : point[axis] <= limit);
  const out = [];
  for (let i = 0; i < ring.length; i += 1) {
    const current = ring[i];
    const before = ring[(i + ring.length - 1) % ring.length];
    if (inside(current) !== inside(before)) {
      const share = (limit - before[axis]) / (current[axis] - before[axis]);
      const crossing = [0, 1].map((k) => before[k] + share * (current[k] - before[k]));
      crossing[axis] = limit;
      out.push(crossing);
    }
    if (inside(current)) out.push(current);
  }
  return out;
}

function clip(ring) {
  const open = ring.slice(0, -1);
  let result = clipSide(open, 0, BOX.west, true);
  result = clipSide(result, 0, BOX.east, false);
  result = clipSide(result, 1, BOX.south, true);
  return clipSide(result, 1, BOX.north, false);
}

/** Rounds, drops repeats and closes the ring; null when nothing with an area is left. */
function tidy(ring) {
  const scale = 10 ** DECIMALS;
  const rounded = ring.map((point) => point.map((value) => Math.round(value * scale) / scale));
  const out = rounded.filter((p, i) => i === 0 || p[0] !== rounded[i - 1][0] || p[1] !== rounded[i - 1][1]);
  return out.length < 3 ? null : [...out, out[0]];
}

async function countries(file) {
  const path = createRequire(import.meta.url).resolve(`world-atlas/${file}`);
  const atlas = JSON.parse(await readFile(path, "utf8"));
  return feature(atlas, atlas.objects.countries).features;
}

function polygonsOf(country) {
  const { type, coordinates } = country.geometry;
  return (type === "Polygon" ? [coordinates] : coordinates)
    .map((rings) => rings.map((ring) => tidy(clip(ring))).filter((ring) => ring !== null))
    .filter((rings) => rings.length > 0);
}

const isHome = (country) => country.properties.name === "Japan";

/** GeoJSON as text: one feature per country, `home` true for Japan. */
async function makeBasemap() {
  const home = (await countries("countries-10m.json")).filter(isHome);
  if (home.length === 0) throw new Error("world-atlas no longer names Japan");
  const neighbours = (await countries("countries-50m.json")).filter((country) => !isHome(country));
  const features = [...home, ...neighbours]
    .map((country) => ({
      type: "Feature",
      properties: { home: isHome(country) },
      geometry: { type: "MultiPolygon", coordinates: polygonsOf(country) },
    }))
    .filter((country) => country.geometry.coordinates.length > 0);
  return JSON.stringify({ type: "FeatureCollection", features });
}

/** A Vite plugin: `import url from "virtual:basemap"` is the address of the base map, a file among the assets. */
export function basemap() {
  const name = "virtual:basemap";
  const address = "/basemap.geojson";
  let building = false;
  return {
    name: "basemap",
    configResolved(config) {
      building = config.command === "build";
    },
    resolveId: (id) => (id === name ? `\0${name}` : null),
    async load(id) {
      if (id !== `\0${name}`) return null;
      if (!building) return `export default ${JSON.stringify(address)};`;
      const file = this.emitFile({ type: "asset", name: "basemap.geojson", source: await makeBasemap() });
      return `export default import.meta.ROLLUP_FILE_URL_${file};`;
    },
    configureServer(server) {
      server.middlewares.use(address, async (_request, response) => {
        response.setHeader("Content-Type", "application/geo+json");
        response.end(await makeBasemap());
      });
    },
  };
}
