/** Sentences about a gauge, used by the list, the map and the details alike. Pure. */
import type { Gauge } from "../api/types";
import type { Dictionary } from "../language/dictionary";
import { metresText } from "../time/format";
import { marginOf } from "./stage";

const ARROW = { rising: "↑", steady: "→", falling: "↓", unknown: "" } as const;

/** How far to the next stage, above the highest one, or below the one still held; for a silent gauge and one without stages, that. */
export function marginText(gauge: Gauge, words: Dictionary): string {
  if (gauge.stage === "unknown") return words.silent;
  if (gauge.stage === "none") return words.noStages;
  const margin = marginOf(gauge);
  if (margin === null) return "";
  const stage = words.threshold[margin.stage];
  const metres = metresText(margin.metres);
  if (margin.kind === "toNext") return words.toNext(stage, metres);
  if (margin.kind === "fallen") return words.fallen(stage, metres);
  return metres === "0.00" ? words.reached(stage) : words.above(stage, metres);
}

/** The level as shown: a silent gauge's last one is not today's, so it is not shown as such. */
export function levelText(gauge: Gauge, words: Dictionary): string {
  if (gauge.level === null || gauge.stage === "unknown") return words.noLevel;
  return words.metres(metresText(gauge.level));
}

/** An arrow and a word, or nothing when the trend is not known. */
export function trendText(gauge: Gauge, words: Dictionary): string {
  if (gauge.trend === "unknown" || gauge.stage === "unknown") return "";
  return `${ARROW[gauge.trend]} ${words.trend[gauge.trend]}`;
}

/** 要確認, 異常 or 欠測; nothing for a good value. */
export function qualityText(gauge: Gauge, words: Dictionary): string {
  return gauge.quality === "good" ? "" : words.quality[gauge.quality];
}

/** A gauge's name on the map: the words that stand beside its mark. */
export function shortGauge(gauge: Gauge, words: Dictionary): string {
  const known = gauge.level !== null && gauge.stage !== "unknown";
  return known ? `${gauge.name} ${levelText(gauge, words)}` : gauge.name;
}

/** What is spoken of a gauge on the map after its name. */
export function spokenRest(gauge: Gauge, words: Dictionary): string {
  const comma = words.code === "ja" ? "、" : ", ";
  const parts = [
    gauge.river,
    words.stage[gauge.stage],
    gauge.trend === "unknown" ? "" : words.trend[gauge.trend],
    qualityText(gauge, words),
  ];
  return parts
    .filter((part) => part !== "")
    .map((part) => comma + part)
    .join("");
}
