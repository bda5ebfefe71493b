import { describe, expect, it } from "vitest";
import { sortAlerts, spokenChanges } from "../../src/resident/alerts";
import { gaugeOfHash, hashOfGauge } from "../../src/resident/route";
import { newestReading } from "../../src/resident/status";
import type { Alert } from "../../src/shared/api/types";
import { en } from "../../src/shared/language/en";
import { ja } from "../../src/shared/language/ja";
import { chooseLanguage } from "../../src/shared/language/language";
import {
  levelText,
  marginText,
  qualityText,
  shortGauge,
  spokenRest,
  trendText,
} from "../../src/shared/stage/words";
import { gauge, HARAME } from "../gauges";

describe("words about a gauge", () => {
  it("says how far to the next stage, and how far above the highest", () => {
    expect(marginText(HARAME, ja)).toBe("氾濫危険水位まで あと 0.01 m");
    expect(marginText(gauge({ level: 2.02, stage: "danger" }), ja)).toBe(
      "氾濫危険水位を 0.02 m こえています",
    );
    expect(marginText(gauge({ level: 2, stage: "danger" }), ja)).toBe("氾濫危険水位に達しています");
    expect(marginText(gauge({ level: 1.75 }), ja)).toBe("避難判断水位を 0.05 m 下回りました");
    expect(marginText(HARAME, en)).toBe("Flood danger level: 0.01 m to go");
  });

  it("never calls a gauge without stages calm, nor shows a silent one's old level as today's", () => {
    const none = gauge({
      stage: "none",
      thresholds: { standby: null, caution: null, evacuation: null, danger: null },
    });
    expect(marginText(none, ja)).toBe("基準なし");
    const silent = gauge({ stage: "unknown" });
    expect(levelText(silent, ja)).toBe("水位は不明");
    expect(marginText(silent, ja)).toBe("データが届いていません");
    expect(trendText(silent, ja)).toBe("");
  });

  it("names what is doubtful, and nothing when it is not", () => {
    expect(qualityText(gauge({ quality: "suspect" }), ja)).toBe("要確認");
    expect(qualityText(HARAME, ja)).toBe("");
  });

  it("calls a mark on the map by what is seen and says the rest after it", () => {
    const doubtful = gauge({ quality: "suspect" });
    expect(shortGauge(doubtful, ja)).toBe("原目 1.99 m");
    expect(spokenRest(doubtful, ja)).toBe("、荒川、避難判断水位に到達、下降中、要確認");
    expect(shortGauge(gauge({ stage: "unknown" }), ja)).toBe("原目");
  });
});

describe("alerts", () => {
  const alert = (id: string, change: Partial<Alert> = {}): Alert => ({
    id,
    gauge: null,
    gaugeName: "",
    river: "",
    stage: "danger",
    status: "actual",
    issuedAt: null,
    headline: id,
    headlineEn: null,
    description: "",
    ...change,
  });

  it("puts real ones before drills before tests, whatever their stage", () => {
    const sorted = sortAlerts([
      alert("test", { status: "test", stage: "overflow" }),
      alert("drill", { status: "exercise" }),
      alert("caution", { stage: "caution" }),
      alert("danger"),
    ]);
    expect(sorted.map(({ id }) => id)).toEqual(["danger", "caution", "drill", "test"]);
  });

  it("speaks of what is new and of what ended, and of nothing else", () => {
    const before = [alert("old"), alert("staying")];
    const after = [alert("staying"), alert("new", { status: "exercise" })];
    expect(spokenChanges(before, after, ja)).toBe("新しい警報（訓練）：new\n警報がなくなりました：old");
    expect(spokenChanges(after, after, ja)).toBe("");
  });
});

describe("the address", () => {
  it("carries a gauge's id there and back", () => {
    expect(gaugeOfHash(hashOfGauge(HARAME.id))).toBe(HARAME.id);
    expect(gaugeOfHash("")).toBeNull();
    expect(gaugeOfHash("#panel")).toBeNull();
    expect(gaugeOfHash("#gauge=%E0%A4%A")).toBeNull();
  });

  it("decides the language before what is remembered, and Japanese without either", () => {
    expect(chooseLanguage("?lang=en", "ja").code).toBe("en");
    expect(chooseLanguage("", "en").code).toBe("en");
    expect(chooseLanguage("?lang=tlh", null).code).toBe("ja");
  });
});

describe("newestReading", () => {
  it("is the newest of all, and null without any", () => {
    const later = new Date("2023-07-13T00:00:00Z");
    expect(newestReading([HARAME, gauge({ observedAt: later }), gauge({ observedAt: null })], later)).toEqual(
      later,
    );
    expect(newestReading([gauge({ observedAt: null })], later)).toBeNull();
    expect(newestReading(null, null)).toBeNull();
  });

  it("is not one of a gauge whose clock is ahead of the city's, where there is another", () => {
    const now = new Date((HARAME.observedAt?.getTime() ?? 0) + 600_000);
    const ahead = gauge({ observedAt: new Date(now.getTime() + 86_400_000) });
    expect(newestReading([ahead, HARAME], now)).toEqual(HARAME.observedAt);
    expect(newestReading([ahead], now)).toEqual(ahead.observedAt);
  });
});
