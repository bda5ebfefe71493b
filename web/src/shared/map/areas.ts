/** Districts on a map: what is drawn of them, and where their words stand. Pure. */
import type { LonLat } from "../api/types";

export interface Geometry {
  readonly type: "Polygon" | "MultiPolygon";
  readonly coordinates: readonly unknown[];
}

/** How a district is drawn: its level is in force, only proposed, or there is none. */
export type AreaState = "force" | "proposed" | "calm";

export interface Area {
  readonly id: string;
  readonly state: AreaState;
  /** 警戒レベル 3 to 5; 0 where there is none. */
  readonly level: number;
  /** Of the level, as the year's edition has it (`#rrggbb`). */
  readonly colour: string;
  /** What stands on the map beside the colour: colour alone tells nobody enough. */
  readonly label: string;
  readonly geometry: Geometry;
}

type Ring = readonly LonLat[];

function isPoint(one: unknown): one is LonLat {
  return Array.isArray(one) && typeof one[0] === "number" && typeof one[1] === "number";
}

function outerRings({ type, coordinates }: Geometry): Ring[] {
  const polygons = type === "Polygon" ? [coordinates] : coordinates;
  return polygons
    .map((polygon) => (Array.isArray(polygon) ? polygon[0] : null))
    .filter((ring): ring is Ring => Array.isArray(ring) && ring.length > 3 && ring.every(isPoint));
}

/** A GeoJSON geometry that can be drawn, or null. */
export function geometryOf(value: unknown): Geometry | null {
  if (typeof value !== "object" || value === null || !("type" in value) || !("coordinates" in value))
    return null;
  const { type, coordinates } = value;
  if ((type !== "Polygon" && type !== "MultiPolygon") || !Array.isArray(coordinates)) return null;
  const geometry: Geometry = { type, coordinates };
  return outerRings(geometry).length > 0 ? geometry : null;
}

/** West, south, east and north of all areas; null where there are none. */
export function boundsOf(
  areas: readonly { readonly geometry: Geometry }[],
): [number, number, number, number] | null {
  const points = areas.flatMap(({ geometry }) => outerRings(geometry).flat());
  if (points.length === 0) return null;
  const lons = points.map(([lon]) => lon);
  const lats = points.map(([, lat]) => lat);
  return [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
}

/** Where a name may stand, clear of the gauges within: above the middle of the largest part, or below it. */
export function edgesOf(geometry: Geometry): readonly [north: LonLat, south: LonLat] {
  const parts = outerRings(geometry).map((ring) => weigh(ring));
  const largest = parts.reduce((best, part) => (Math.abs(part.area) > Math.abs(best.area) ? part : best));
  return [
    [largest.middle, largest.north],
    [largest.middle, largest.south],
  ];
}

interface Weight {
  readonly area: number;
  readonly middle: number;
  readonly north: number;
  readonly south: number;
}

function weigh(ring: Ring): Weight {
  const [west, base] = ring[0] ?? [0, 0];
  let [area, moment, north, south] = [0, 0, base, base];
  for (const [index, [lon, lat]] of ring.entries()) {
    const [nextLon, nextLat] = ring[(index + 1) % ring.length] ?? [lon, lat];
    // From the first corner on: degrees are large numbers, and districts small.
    const cross = (lon - west) * (nextLat - base) - (nextLon - west) * (lat - base);
    area += cross / 2;
    moment += ((lon + nextLon - 2 * west) * cross) / 6;
    north = Math.max(north, lat);
    south = Math.min(south, lat);
  }
  return { area, middle: area === 0 ? west : west + moment / area, north, south };
}

const TILE = 16;

/** Whether the pattern of a level has ink at this pixel: stripes for 3, a grid of stripes for 4, a dense one for 5. */
function inked(level: number, x: number, y: number): boolean {
  const rising = (x + y) % TILE;
  const falling = (x - y + TILE) % TILE;
  if (level >= 5) return rising % 8 < 3 || falling % 8 < 3;
  if (level === 4) return rising < 3 || falling < 3;
  return rising < 3;
}

/** A pattern of 16 pixels square in the level's colour, so that levels differ without colours too. */
export function hatch(
  level: number,
  colour: string,
): { width: number; height: number; data: Uint8ClampedArray } {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) || 0);
  const data = new Uint8ClampedArray(TILE * TILE * 4);
  for (let y = 0; y < TILE; y += 1)
    for (let x = 0; x < TILE; x += 1)
      data.set([red ?? 0, green ?? 0, blue ?? 0, inked(level, x, y) ? 190 : 50], (y * TILE + x) * 4);
  return { width: TILE, height: TILE, data };
}
