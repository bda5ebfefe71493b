/** The districts' borders, as the city gives them to anybody. */
import { type Geometry, geometryOf } from "./areas";

const BORDERS = "/api/v1/evacuation/districts";
const TIMEOUT_MS = 15_000;

export interface Border {
  readonly id: string;
  readonly name: string;
  readonly geometry: Geometry;
}

/** The borders in a GeoJSON answer; what cannot be drawn is passed over. */
export function bordersOf(answer: unknown): Border[] {
  const features =
    typeof answer === "object" && answer !== null && "features" in answer ? answer.features : null;
  if (!Array.isArray(features)) return [];
  return features.flatMap(
    (one: { id?: unknown; geometry?: unknown; properties?: { name?: unknown } | null }) => {
      const geometry = geometryOf(one.geometry);
      if (geometry === null || typeof one.id !== "string") return [];
      return [{ id: one.id, name: String(one.properties?.name ?? one.id), geometry }];
    },
  );
}

/** Rejects where the city does not answer. */
export async function loadBorders(): Promise<Border[]> {
  const answer = await fetch(BORDERS, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`${BORDERS}: status ${answer.status}`);
  return bordersOf(await answer.json());
}
