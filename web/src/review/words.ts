/** What the review says. A missing word does not compile. */
import type { LanguageCode } from "../shared/language/language";
import type { Outcome } from "./types";

const ja = {
  span: "振り返る時間（日本時間）",
  from: "から",
  to: "まで",
  show: "振り返る",
  csv: "CSVで保存",
  csvGauges: "水位計ごとの表を保存（CSV）",
  table: "地区と警戒レベルごとの結果",
  byGauge: "水位計ごとの結果",
  gaugeHeads: ["水位計", "地区", "警戒レベル", "到達", "提案", "発令", "先行", "結果"],
  none: "この時間に、到達・提案・発令はありません。",
  heads: ["地区", "警戒レベル", "水位計", "到達", "提案", "発令", "先行", "結果"],
  minutes: (count: number) => `${Math.round(count)}分`,
  outcomes: {
    early: "到達の前に発令",
    late: "到達の後に発令",
    miss: "見逃し（発令なし）",
    "false-alarm": "空振り（到達なし）",
    proposed: "提案のみ（到達なし）",
  } as Readonly<Record<Outcome, string>>,
  count: (count: number) => `${count}件`,
  replay: "地図でたどる",
  replayNote:
    "つまみを動かすと、そのときの水位の段階と地区の状況が出ます。塗りと模様は発令中、太い点線は提案です。",
  time: "時刻",
  play: "再生",
  pause: "止める",
  mapFailed: "地図を表示できません。表をご覧ください。",
  level: (force: boolean, level: number) => (force ? `警戒レベル${level}` : `提案 レベル${level}`),
  rules: "警報のルールを試す",
  rulesNote: "今のルールと、下に書いたルールを、この時間に届いた水位で比べます。ルールはまだ変わりません。",
  document: "試すルール（JSON）",
  try: "今のルールと比べる",
  notJson: "JSON として読めません。",
  compared: (readings: number) => `${readings}件の水位で比べました。`,
  sums: ["超過", "警報", "誤報", "要確認", "見逃し"],
  current: "今のルール",
  candidate: "試すルール",
  same: "どの水位計のどの段階でも、結果は同じです。",
  pairs: "結果が変わる水位計と段階",
  pairHeads: ["水位計", "段階", "ルール", "警報", "誤報", "見逃し", "遅れ", "先行"],
};

export type ReviewWords = typeof ja;

const en: ReviewWords = {
  span: "The time to review (Japan)",
  from: "from",
  to: "to",
  show: "Review",
  csv: "Save as CSV",
  csvGauges: "Save the gauges as CSV",
  table: "Each district and alert level",
  byGauge: "Each gauge",
  gaugeHeads: ["Gauge", "District", "Level", "Reached", "Proposed", "Issued", "Lead", "Outcome"],
  none: "Nothing was reached, proposed or issued in this time.",
  heads: ["District", "Level", "Gauge", "Reached", "Proposed", "Issued", "Lead", "Outcome"],
  minutes: (count) => `${Math.round(count)} min`,
  outcomes: {
    early: "issued before it was reached",
    late: "issued after it was reached",
    miss: "missed (not issued)",
    "false-alarm": "false alarm (not reached)",
    proposed: "only proposed (not reached)",
  },
  count: (count) => String(count),
  replay: "The night on the map",
  replayNote: "Move the slider to see how it stood. Filled with a pattern: in force. Thick dashes: proposed.",
  time: "Time",
  play: "Play",
  pause: "Stop",
  mapFailed: "The map cannot be shown. Please use the table.",
  level: (force, level) => (force ? `Level ${level}` : `proposed Level ${level}`),
  rules: "Try alerting rules",
  rulesNote:
    "Compares the rules in force with those below on the levels of this time. Nothing is changed yet.",
  document: "Rules to try (JSON)",
  try: "Compare with the rules in force",
  notJson: "This cannot be read as JSON.",
  compared: (readings) => `Compared on ${readings} readings.`,
  sums: ["Episodes", "Alarms", "False", "Doubtful", "Missed"],
  current: "In force",
  candidate: "To try",
  same: "Every stage of every gauge comes out the same.",
  pairs: "Gauges and stages that come out differently",
  pairHeads: ["Gauge", "Stage", "Rules", "Alarms", "False", "Missed", "Delay", "Lead"],
};

export function reviewWords(code: LanguageCode): ReviewWords {
  return code === "ja" ? ja : en;
}
