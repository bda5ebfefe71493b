/** Zones in a GeoJSON file (RFC 7946), as a GIS exports it. Pure. */
import type { Polygon, Position } from "geojson";
import type { AreaWords } from "../shared/bus/areawords";
import type { Zone } from "../shared/bus/types";

export type Shape = Pick<Zone, "id" | "name" | "geometry">;

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null;

const NAMES = ["name", "名称", "地区名", "NAME"] as const;

/** Every polygon of the file with its feature's name and id; a multipolygon's parts are zones of their own.

    Throws what to say of a file without polygons, of holes, and of coordinates that are no degrees. */
export function shapesOf(text: string, words: AreaWords): Shape[] {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Error(words.notJson);
  }
  if (!isObject(file) || typeof file.type !== "string") throw new Error(words.notJson);
  const features = Array.isArray(file.features) ? (file.features as unknown[]) : [file];
  const found = features.filter(isObject).flatMap((feature, index) => partsOf(feature, index));
  if (found.length === 0) throw new Error(words.noPolygon);
  for (const shape of found) check(shape, words);
  return found;
}

function partsOf(feature: Json, index: number): Shape[] {
  const geometry = isObject(feature.geometry) ? feature.geometry : feature;
  const properties = isObject(feature.properties) ? feature.properties : {};
  const given: readonly unknown[] = Array.isArray(geometry.coordinates) ? geometry.coordinates : [];
  const whole = geometry.type === "Polygon" && given.length > 0 ? [given] : [];
  const parts = geometry.type === "MultiPolygon" ? given : whole;
  const named = NAMES.map((key) => properties[key]).find((value) => typeof value === "string");
  const known = feature.id ?? properties.id;
  return parts.map((coordinates, part) => {
    const suffix = parts.length > 1 ? `-${part + 1}` : "";
    const id = typeof known === "string" || typeof known === "number" ? String(known) : `zone-${index + 1}`;
    const name = typeof named === "string" && named.trim() !== "" ? named.trim() : id;
    return { id: id + suffix, name: name + suffix, geometry: flat(coordinates as Position[][]) };
  });
}

/** Without heights, which a zone has none of. */
function flat(coordinates: Position[][]): Polygon {
  const pair = ([longitude = Number.NaN, latitude = Number.NaN]: Position): Position => [longitude, latitude];
  return { type: "Polygon", coordinates: coordinates.map((ring) => ring.map(pair)) };
}

function check({ name, geometry }: Shape, words: AreaWords): void {
  if (geometry.coordinates.length !== 1) throw new Error(words.holes(name));
  const degrees = (geometry.coordinates[0] ?? []).every(
    ([longitude = Number.NaN, latitude = Number.NaN]) =>
      Math.abs(longitude) <= 180 && Math.abs(latitude) <= 90,
  );
  if (!degrees) throw new Error(words.degrees(name));
}
