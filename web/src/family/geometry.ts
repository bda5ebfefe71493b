/** Circles and bounds on the map, in degrees. Pure. */
import type { LonLat } from "../shared/api/types";
import type { Polygon } from "./types";

const METRES_PER_DEGREE = 111_195;
const CORNERS = 32;

/** A circle of `radius` metres as a polygon, its ring closed. */
export function circle(middle: LonLat, radius: number): Polygon {
  const east = METRES_PER_DEGREE * Math.cos((middle[1] * Math.PI) / 180);
  const corner = (step: number): LonLat => {
    const angle = (2 * Math.PI * step) / CORNERS;
    return [
      middle[0] + (radius * Math.cos(angle)) / east,
      middle[1] + (radius * Math.sin(angle)) / METRES_PER_DEGREE,
    ];
  };
  return ring(Array.from({ length: CORNERS }, (_, step) => corner(step)));
}

/** The polygon with these corners, its ring closed. */
export function ring(corners: readonly LonLat[]): Polygon {
  return { type: "Polygon", coordinates: [[...corners, ...corners.slice(0, 1)]] };
}

/** West, south, east, north of all points; null where there are none. */
export function boundsOf(points: readonly LonLat[]): [number, number, number, number] | null {
  if (points.length === 0) return null;
  const lons = points.map(([lon]) => lon);
  const lats = points.map(([, lat]) => lat);
  return [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
}

/** The middle of a polygon's bounds: where its name stands. */
export function middleOf(polygon: Polygon): LonLat | null {
  const bounds = boundsOf(polygon.coordinates[0] ?? []);
  return bounds === null ? null : [(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2];
}
