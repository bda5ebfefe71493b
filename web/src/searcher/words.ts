/** What the page of the search officers says. A missing word does not compile. */
import type { LanguageCode } from "../shared/language/language";

const ja = {
  intro:
    "家族から届け出のあった人だけが出ます。捜索を始めると、あなたの名前・理由・見た時刻が記録され、家族に表示され、あとで別の職員が確認します。",
  nothing: "届け出はありません。",
  reported: (time: string) => `${time}の届け出`,
  mineUntil: (time: string) => `あなたは${time}まで見られます`,
  over: "あなたの捜索の時間は終わりました。続けるときは、理由を書いてもう一度始めてください。",
  notOpened: "まだあなたは始めていません。お名前と居場所は、始めると見られます。",
  reason: "理由（10文字以上。家族が読みます）",
  minutes: "いつまで",
  minutesOf: (minutes: number) => (minutes < 60 ? `${minutes}分` : `${minutes / 60}時間`),
  begin: "捜索を始める",
  begun: "始めました。見るたびに記録されます。",
  look: "いまの居場所を見る",
  clues: "家族からの手がかり",
  noClues: "手がかりは書かれていません。",
  close: "捜索を終える（見つかった・不要になった）",
  closeNote: "全員の閲覧がすぐに終わり、家族の手がかりは消えます。",
  closeSure: "終える",
  keep: "続ける",
  closed: "捜索を終えました。",
};

export type SearcherWords = typeof ja;

const en: SearcherWords = {
  intro:
    "Only persons whom their family reported are here. Once you begin, your name, your reason and each look are recorded, shown to the family, and reviewed by somebody else.",
  nothing: "Nobody is reported missing.",
  reported: (time) => `Reported at ${time}`,
  mineUntil: (time) => `You may look until ${time}`,
  over: "Your time is over. To go on, begin again with a reason.",
  notOpened: "You have not begun. Name and place are shown once you do.",
  reason: "Reason (10 characters or more; the family reads it)",
  minutes: "Until when",
  minutesOf: (minutes) => (minutes < 60 ? `${minutes} minutes` : `${minutes / 60} h`),
  begin: "Begin the search",
  begun: "Begun. Every look is recorded.",
  look: "See where they are now",
  clues: "What the family wrote",
  noClues: "The family wrote nothing.",
  close: "End the search (found, or not needed)",
  closeNote: "Nobody can look any more, and what the family wrote is deleted.",
  closeSure: "End it",
  keep: "Go on",
  closed: "The search has ended.",
};

export const searcherWords = (code: LanguageCode): SearcherWords => (code === "ja" ? ja : en);
