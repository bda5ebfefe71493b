/** What the catalogue says. A missing word does not compile. */
import type { LanguageCode } from "../shared/language/language";

const ja = {
  intro: (city: string, count: number) => `${city}のデータセットは${count}件です。だれでも見られます。`,
  harvest: "ほかのカタログへ（DCAT-AP）",
  find: "さがす（名前・キーワード）",
  nothing: "当てはまるデータセットはありません。",
  owner: "所有者",
  license: "ライセンス",
  area: "区域",
  period: "期間",
  interval: "更新の間隔",
  freshness: "鮮度（期待どおり新しい割合）",
  entities: "件数",
  latest: "最新",
  contact: "問い合わせ",
  kind: "区分",
  markings: {
    open: "公開データ",
    statistical: "統計情報",
    anonymised: "匿名加工情報",
    pseudonymised: "仮名加工情報",
    personal: "個人情報",
  } as Readonly<Record<string, string>>,
  personal: "個人情報のため、この画面からは渡しません。",
  download: "ダウンロード",
  csvUtf8: "CSV（UTF-8）",
  csvSjis: "CSV（Shift_JIS・古い表計算ソフト用）",
  sample: "見本を見る",
  map: "データマップ",
  feeds: "入れる",
  takes: "使う",
  way: "向き",
  who: "だれが",
  how: "方法",
  amount: "量（機器の数・購読の数・30日の呼び出し）",
  minutes: (seconds: number) => (seconds < 3600 ? `${seconds / 60}分` : `${seconds / 3600}時間`),
  unknown: "—",
};

export type CatalogueWords = typeof ja;

const en: CatalogueWords = {
  intro: (city, count) => `${city} has ${count} data sets. Anyone may look at them.`,
  harvest: "For other catalogues (DCAT-AP)",
  find: "Find (name, keyword)",
  nothing: "No data set matches.",
  owner: "Owner",
  license: "Licence",
  area: "Area",
  period: "Period",
  interval: "Expected interval",
  freshness: "Freshness (share as new as expected)",
  entities: "Entries",
  latest: "Latest",
  contact: "Contact",
  kind: "Kind",
  markings: {
    open: "Open data",
    statistical: "Statistics",
    anonymised: "Anonymised",
    pseudonymised: "Pseudonymised",
    personal: "Personal data",
  },
  personal: "Personal data: never handed out from this page.",
  download: "Download",
  csvUtf8: "CSV (UTF-8)",
  csvSjis: "CSV (Shift_JIS, for old spreadsheets)",
  sample: "Show a sample",
  map: "Data map",
  feeds: "feeds",
  takes: "takes",
  way: "Way",
  who: "Who",
  how: "How",
  amount: "Amount (devices, subscriptions, calls in 30 days)",
  minutes: (seconds) => (seconds < 3600 ? `${seconds / 60} min` : `${seconds / 3600} h`),
  unknown: "—",
};

const WORDS: Readonly<Record<LanguageCode, CatalogueWords>> = { ja, en };

export function catalogueWords(code: LanguageCode): CatalogueWords {
  return WORDS[code];
}
