/** What the officers' desk says. A missing word does not compile. */
import type { LanguageCode } from "../shared/language/language";
import type { Kind } from "./types";

const ja = {
  drill: "訓練中です。発令しても住民には届きません。",
  test: "テスト中です。発令しても住民には届きません。",
  now: (time: string) => `状況の時刻 ${time}`,
  districts: "地区の状況と提案",
  noDistricts: "地区がまだ読み込まれていません。",
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
  around: "雨量・ダム・洪水の通知",
  unanswered: "未応答のため次の担当へ知らせました",
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
  toChannel: (channel: string, count: number) => `${channel}: ${count}件`,
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
  states: { waiting: "確認待ち", issued: "発令済み", refused: "認められませんでした" },
  confirm: "確認して発令する",
  refuse: "認めない",
  deliveries: "届いたか確かめる",
  delivery: { done: "届いた", waiting: "送信中", dead: "届かなかった" } as Readonly<Record<string, string>>,
  noDeliveries: "この情報を受け取る登録先はありません。",
  record: "時系列記録",
  handover: "引継ぎを書く",
  addHandover: "記録に加える",
  csv: "CSVで保存",
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
  proposed: (level, name) => `Proposed: Alert Level ${level} (${name})`,
  nothingProposed: "Nothing is proposed",
  standing: (level, name) => `In force: Alert Level ${level} ${name}`,
  nothingStanding: "Nothing is in force",
  people: (households, people, help) => `${households} households, ${people} people (${help} need help)`,
  metres: (level, time) => `${level.toFixed(2)} m (${time})`,
  danger: (level) => `flood danger level ${level.toFixed(2)} m`,
  ahead: (hours, level, low, high) =>
    `in ${hours} h ${level.toFixed(2)} m (${low.toFixed(2)} to ${high.toFixed(2)})`,
  around: "Rain, dams and flood notices",
  unanswered: "Unanswered: the next people have been told",
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
  toChannel: (channel, count) => `${channel}: ${count}`,
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
  states: { waiting: "waiting for confirmation", issued: "issued", refused: "refused" },
  confirm: "Confirm and issue",
  refuse: "Refuse",
  deliveries: "See what has arrived",
  delivery: { done: "delivered", waiting: "on its way", dead: "failed" },
  noDeliveries: "Nobody has subscribed to this.",
  record: "Record of the night",
  handover: "Write a hand-over note",
  addHandover: "Add to the record",
  csv: "Save as CSV",
  pdf: "Save as PDF",
  refused: (why) => `Not done: ${why}`,
};

export function officerWords(code: LanguageCode): OfficerWords {
  return code === "ja" ? ja : en;
}
