/** Gauges for the tests: 原目 of 荒川 with its official stages, changed as a test needs. */
import type { Gauge } from "../src/shared/api/types";

export const HARAME: Gauge = {
  id: "urn:ngsi-ld:WaterObserved:fukui-9",
  stationId: "9",
  name: "原目",
  river: "荒川",
  address: "福井市原目町16",
  manager: "福井土木",
  location: [136.26862, 36.07916],
  thresholds: { standby: 1.2, caution: 1.5, evacuation: 1.8, danger: 2.0 },
  level: 1.99,
  observedAt: new Date("2023-07-12T22:40:00Z"),
  stage: "evacuation",
  trend: "falling",
  quality: "good",
  status: "provisional",
};

export function gauge(change: Partial<Gauge>): Gauge {
  return { ...HARAME, ...change };
}
