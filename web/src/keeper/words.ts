/** What the shelters' desk says. A missing word does not compile. */
import type { LanguageCode } from "../shared/language/language";

type Said = "safe" | "moving" | "help";

const ja = {
  drill: "訓練中です。ここで開設しても、住民の画面には出ません。",
  none: "避難所がまだ読み込まれていません。",
  state: "開設の状態",
  count: "今いる人数（数え直した数）",
  power: "電源",
  note: "お知らせ（入口、受け入れの条件など。住民に見えます）",
  save: (name: string) => `${name}を保存する`,
  saved: (name: string) => `${name}を保存しました。`,
  refused: (why: string) => `保存できませんでした: ${why}`,
  feedStations: (count: number) => `建物に給電できる充電器 ${count}基`,
  noFeed: "今、給電できる車はつながっていません",
  feed: (vehicles: number, kwh: number, kw: number) =>
    `車${vehicles}台から給電できる量 ${kwh} kWh（最大 ${kw} kW）`,
  feedHours: (load: number, hours: number) => `この避難所の使用電力 ${load} kW で約${hours}時間分`,
  feedUnknown: (count: number) => `ほかに充電残量のわからない車 ${count}台`,
  said: (state: Said, count: number) =>
    `${{ safe: "無事と知らせた人", moving: "向かっていると知らせた人", help: "助けを求めている人" }[state]} ${count}人`,
};

export type KeeperWords = typeof ja;

const en: KeeperWords = {
  drill: "Exercise. What you open here is not shown to residents.",
  none: "No shelters are loaded yet.",
  state: "State",
  count: "People here now (as counted)",
  power: "Power",
  note: "Note (entrance, who is taken in; residents see it)",
  save: (name) => `Save ${name}`,
  saved: (name) => `${name} is saved.`,
  refused: (why) => `Not saved: ${why}`,
  feedStations: (count) => `${count} ${count === 1 ? "station" : "stations"} can feed this building`,
  noFeed: "no vehicle that could feed it is connected now",
  feed: (vehicles, kwh, kw) =>
    `${vehicles} ${vehicles === 1 ? "vehicle" : "vehicles"} can give ${kwh} kWh (at most ${kw} kW)`,
  feedHours: (load, hours) => `about ${hours} hours at the ${load} kW that this shelter draws`,
  feedUnknown: (count) => `${count} more of unknown charge`,
  said: (state, count) =>
    `${count} ${{ safe: "said that they are safe", moving: "are on their way", help: "ask for help" }[state]}`,
};

export function keeperWords(code: LanguageCode): KeeperWords {
  return code === "ja" ? ja : en;
}
