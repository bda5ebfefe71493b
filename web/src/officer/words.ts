/** What the officers' desk says. A missing word does not compile. */
import type { LanguageCode } from "../shared/language/language";
import type { District, Kind } from "./types";

type Past = NonNullable<District["proposal"]["past"]>;

const channelsJa: Readonly<Record<string, string>> = {
  mail: "メール",
  webhook: "ウェブフック",
  mqtt: "MQTT（標識・サイレン）",
  webpush: "ブラウザーの通知",
  line: "LINE",
  mastodon: "Mastodon",
  x: "X",
  export: "ほかのシステム",
};
const channelsEn: Readonly<Record<string, string>> = {
  mail: "Mail",
  webhook: "Webhook",
  mqtt: "MQTT (signs, sirens)",
  webpush: "Browsers",
  line: "LINE",
  mastodon: "Mastodon",
  x: "X",
  export: "Other systems",
};

const ja = {
  drill: "訓練中です。発令しても住民には届きません。",
  test: "テスト中です。発令しても住民には届きません。",
  now: (time: string) => `状況の時刻 ${time}`,
  districts: "地区の状況と提案",
  noDistricts: "地区がまだ読み込まれていません。",
  map: "地図",
  mapNote: "塗りと模様は発令中、太い点線は提案です。同じことが下の一覧にもあります。",
  mapFailed: "地図を表示できません。下の一覧をご覧ください。",
  mapLevel: (force: boolean, level: number) => (force ? `警戒レベル${level}` : `提案 レベル${level}`),
  loadDistricts: "地区を読み込む",
  districtFile: "地区のファイル（GeoJSON。世帯数などだけなら CSV）",
  loadShelters: "避難所を読み込む",
  shelterFile: "避難所のファイル（GeoJSON の点か CSV。自治体標準オープンデータセットの形も可）",
  shelterDesk: "避難所の開設と人数の画面",
  chooseFile: "ファイルを選んでください。",
  check: "確かめる（まだ置き換えない）",
  checked: (count: number) => `${count}件を読めました。まだ置き換えていません。`,
  loadNow: "この内容に置き換える",
  loadedNow: (count: number) => `${count}件を読み込みました。`,
  proposed: (level: number, name: string) => `提案: 警戒レベル${level}（${name}）`,
  nothingProposed: "提案はありません",
  standing: (level: number, name: string) => `発令中: 警戒レベル${level} ${name}`,
  nothingStanding: "発令していません",
  people: (households: number, people: number, help: number) =>
    `${households}世帯 ${people}人（避難に支援が必要 ${help}人）`,
  metres: (level: number, time: string) => `${level.toFixed(2)} m（${time}）`,
  danger: (level: number) => `氾濫危険水位 ${level.toFixed(2)} m`,
  ahead: (hours: number, level: number, low: number, high: number) =>
    `${hours}時間後 ${level.toFixed(2)} m（${low.toFixed(2)}〜${high.toFixed(2)}）の見込み`,
  past: (level: number, past: Past | null) => {
    if (past === null) return `過去の洪水で、この地区にレベル${level}を提案した記録はありません。`;
    const times = `過去の洪水でレベル${level}を提案したのは${past.floods}回`;
    if (level === 5) return `${times}です。`;
    const after = past.minutes === null ? "" : `（中央値${past.minutes}分後）`;
    return `${times}、うち${past.graver}回はその後レベル${level + 1}以上の状況になりました${after}。`;
  },
  around: "雨量・ダム・洪水の通知",
  camera: (camera: string) => `カメラ ${camera} の画像を見る`,
  still: (camera: string, district: string, time: string) => `${district} カメラ ${camera}（${time}）`,
  noStill: (camera: string) => `カメラ ${camera} の画像は届いていません。`,
  unanswered: (times: number, last: string) =>
    `応答がないため、次の担当まで${times}回知らせました（最後は${last}）`,
  seen: (name: string) => `${name}の提案を確認した`,
  compose: "発令・解除",
  composeFor: (kind: Kind, names: string) =>
    `${{ issue: "発令", correct: "訂正", lift: "解除", withdraw: "取消" }[kind]}する地区: ${names}`,
  pickFirst: "上の一覧で地区を選んでください。",
  kind: "すること",
  kinds: { issue: "発令", correct: "訂正", lift: "解除", withdraw: "取消" } as Readonly<Record<Kind, string>>,
  level: "警戒レベル",
  reason: "理由（記録に残ります）",
  note: "本文に加える文（避難所など）",
  look: "内容と届く相手を確かめる",
  previewTitle: "送る内容の確認",
  reaches: "届く相手",
  web: "公開の地図・API・CAP・Atom・L字の文字",
  noWeb: "住民には届きません（訓練）",
  channel: (channel: string) => channelsJa[channel] ?? channel,
  toChannel: (channel: string, count: number) => `${channelsJa[channel] ?? channel}: ${count}件`,
  easy: "やさしい日本語",
  english: "英語",
  doIt: (kind: Kind, second: boolean) =>
    second
      ? "もう1人の確認を求める"
      : `${{ issue: "発令", correct: "訂正", lift: "解除", withdraw: "取消" }[kind]}する`,
  back: "戻って直す",
  drop: "書きかけを消す",
  kept: "書きかけは、この端末に残っています。",
  expired: "ログインの期限が切れました。書きかけは残っています。ログインし直してください。",
  loginAgain: "ログインし直す",
  issued: "発令しました。",
  done: (kind: Kind) =>
    `${{ issue: "発令", correct: "訂正", lift: "解除", withdraw: "取消" }[kind]}しました。`,
  waiting: "もう1人の職員の確認を待っています。",
  orders: "出した情報",
  none: "ありません。",
  by: (name: string, time: string) => `${time} ${name}`,
  states: { waiting: "確認待ち（まだ出ていません）", issued: "送信済み", refused: "認められませんでした" },
  holds: "今も発令中",
  asked: (asker: string, decider: string, allowed: boolean) =>
    `${asker}（依頼） ${decider}（${allowed ? "確認" : "不承認"}）`,
  span: "保存する期間",
  days: (count: number) => (count === 1 ? "この24時間" : `この${count}日間`),
  confirm: "確認して発令する",
  refuse: "認めない",
  deliveries: "届いたか確かめる",
  delivery: { done: "届いた", waiting: "送信中", dead: "届かなかった" } as Readonly<Record<string, string>>,
  noDeliveries: "この情報を受け取る登録先はありません。",
  record: "時系列記録",
  handover: "引継ぎを書く",
  addHandover: "記録に加える",
  csv: "CSVで保存",
  review: "この夜を振り返る",
  pdf: "PDFで保存",
  refused: (why: string) => `できませんでした: ${why}`,
};

export type OfficerWords = typeof ja;

const en: OfficerWords = {
  drill: "Exercise. Nothing you issue reaches residents.",
  test: "Test. Nothing you issue reaches residents.",
  now: (time) => `Time of the situation ${time}`,
  districts: "Districts and proposals",
  noDistricts: "No districts are loaded yet.",
  map: "Map",
  mapNote: "Filled with a pattern: in force. Thick dashes: proposed. The list below says the same.",
  mapFailed: "The map cannot be shown. Please use the list below.",
  mapLevel: (force, level) => (force ? `Level ${level}` : `proposed Level ${level}`),
  loadDistricts: "Load districts",
  districtFile: "File of districts (GeoJSON; CSV for figures alone)",
  loadShelters: "Load shelters",
  shelterFile: "File of shelters (GeoJSON points or CSV)",
  shelterDesk: "Open and count shelters",
  chooseFile: "Please choose a file.",
  check: "Check (replaces nothing yet)",
  checked: (count) => `${count} were read. Nothing is replaced yet.`,
  loadNow: "Replace by these",
  loadedNow: (count) => `${count} are loaded.`,
  proposed: (level, name) => `Proposed: Alert Level ${level} (${name})`,
  nothingProposed: "Nothing is proposed",
  standing: (level, name) => `In force: Alert Level ${level} ${name}`,
  nothingStanding: "Nothing is in force",
  people: (households, people, help) => `${households} households, ${people} people (${help} need help)`,
  metres: (level, time) => `${level.toFixed(2)} m (${time})`,
  danger: (level) => `flood danger level ${level.toFixed(2)} m`,
  ahead: (hours, level, low, high) =>
    `in ${hours} h ${level.toFixed(2)} m (${low.toFixed(2)} to ${high.toFixed(2)})`,
  past: (level, past) => {
    if (past === null) return `There is no past flood on record in which level ${level} was proposed here.`;
    const times = `Level ${level} was proposed here in ${past.floods} past flood(s)`;
    if (level === 5) return `${times}.`;
    const after = past.minutes === null ? "" : ` (median ${past.minutes} min later)`;
    return `${times}; in ${past.graver} of them it came to level ${level + 1} or more${after}.`;
  },
  around: "Rain, dams and flood notices",
  camera: (camera) => `See the picture of camera ${camera}`,
  still: (camera, district, time) => `${district}, camera ${camera} (${time})`,
  noStill: (camera) => `Camera ${camera} has sent no picture.`,
  unanswered: (times, last) => `No answer: told ${times} times again, to the next in line too (last ${last})`,
  seen: (name) => `I have seen the proposal for ${name}`,
  compose: "Issue or lift",
  composeFor: (kind, names) =>
    `${{ issue: "Issue", correct: "Correct", lift: "Lift", withdraw: "Withdraw" }[kind]} for: ${names}`,
  pickFirst: "Choose districts in the list above.",
  kind: "What to do",
  kinds: { issue: "Issue", correct: "Correct", lift: "Lift", withdraw: "Withdraw" },
  level: "Alert level",
  reason: "Reason (kept in the record)",
  note: "Sentence to add (shelters and so on)",
  look: "See the text and who receives it",
  previewTitle: "What will be sent",
  reaches: "Who receives it",
  web: "Public map and API, CAP, Atom, television text",
  noWeb: "No residents (exercise)",
  channel: (channel) => channelsEn[channel] ?? channel,
  toChannel: (channel, count) => `${channelsEn[channel] ?? channel}: ${count}`,
  easy: "Plain Japanese",
  english: "English",
  doIt: (kind, second) =>
    second
      ? "Ask a second person"
      : { issue: "Issue", correct: "Correct", lift: "Lift", withdraw: "Withdraw" }[kind],
  back: "Back to change it",
  drop: "Discard the draft",
  kept: "The draft is kept on this device.",
  expired: "Your session has ended. The draft is kept. Please log in again.",
  loginAgain: "Log in again",
  issued: "Issued.",
  done: (kind) =>
    `${{ issue: "Issued", correct: "Corrected", lift: "Lifted", withdraw: "Withdrawn" }[kind]}.`,
  waiting: "Waiting for a second person.",
  orders: "Notices",
  none: "None.",
  by: (name, time) => `${time} ${name}`,
  states: { waiting: "waiting for confirmation (not sent yet)", issued: "sent", refused: "refused" },
  holds: "in force now",
  asked: (asker, decider, allowed) => `${asker} (asked), ${decider} (${allowed ? "confirmed" : "refused"})`,
  span: "Time to save",
  days: (count) => (count === 1 ? "the last 24 hours" : `the last ${count} days`),
  confirm: "Confirm and issue",
  refuse: "Refuse",
  deliveries: "See what has arrived",
  delivery: { done: "delivered", waiting: "on its way", dead: "failed" },
  noDeliveries: "Nobody has subscribed to this.",
  record: "Record of the night",
  handover: "Write a hand-over note",
  addHandover: "Add to the record",
  csv: "Save as CSV",
  review: "Review the night",
  pdf: "Save as PDF",
  refused: (why) => `Not done: ${why}`,
};

export function officerWords(code: LanguageCode): OfficerWords {
  return code === "ja" ? ja : en;
}
