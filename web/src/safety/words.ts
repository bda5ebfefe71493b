/** What the page of safety says. A missing word does not compile. */
import type { LanguageCode } from "../shared/language/language";

export const STATES = ["safe", "moving", "help"] as const;
export type State = (typeof STATES)[number];

const ja = {
  urgent:
    "命の危険がせまっているときは、119番か110番へ電話してください。ここに書いても、すぐには助けが届きません。",
  mineTitle: "自分の安否を知らせる",
  nothing: "まだ何も知らせていません。",
  mine: "今の知らせ",
  states: { safe: "無事です", moving: "避難しているところです", help: "助けが必要です" } as Readonly<
    Record<State, string>
  >,
  cityReads: "市の災害担当の職員も読めます（最長14日。取り消すまで）。",
  cityNot: "市の職員は読めません。家族など、あなたが同意した人だけが読めます。",
  takeBack: "知らせを取り消す",
  takenBack: "取り消しました。",
  how: "今の様子",
  where: "いる場所",
  elsewhere: "避難所以外",
  note: "ひとこと（200字まで。病気やけがのことは書かないでください）",
  tellCity: "市の災害担当の職員にも、名前とともに知らせる",
  send: "知らせる",
  sent: "知らせました。",
  failed: (why: string) => `知らせられませんでした: ${why}`,
  familyTitle: "家族などの安否",
  nobody: "あなたに知らせることに同意した人の、新しい知らせはありません。",
  waysTitle: "避難の情報の受け取り方",
  waysNote:
    "避難の情報が出たとき、選んだところへ数秒のうちに届きます。地区は選べません。市内のすべての発令・訂正・解除が届きます。",
  askFamily: "家族の安否を見るには、次のアドレスを家族に送り、同意してもらってください",
};

export type SafetyWords = typeof ja;

const en: SafetyWords = {
  urgent: "If a life is in danger, call 119 or 110. What you write here brings no help at once.",
  mineTitle: "Say how you are",
  nothing: "You have said nothing yet.",
  mine: "What you said",
  states: { safe: "I am safe", moving: "I am on my way to safety", help: "I need help" },
  cityReads: "The city's officers on duty may read it too (14 days at most, until you take it back).",
  cityNot: "The city's officers cannot read it. Only people to whom you consented can.",
  takeBack: "Take it back",
  takenBack: "Taken back.",
  how: "How you are",
  where: "Where you are",
  elsewhere: "Not at a shelter",
  note: "A few words (200 characters at most; please nothing about illness or injury)",
  tellCity: "Let the city's officers on duty know too, with my name",
  send: "Tell",
  sent: "Told.",
  failed: (why) => `Could not be told: ${why}`,
  familyTitle: "Family and others",
  nobody: "There is no word from anybody who consented to let you know.",
  waysTitle: "How you are told of evacuation notices",
  waysNote:
    "Messages arrive within seconds where you choose: every notice of the city, whatever the district.",
  askFamily: "To see how your family is, send them this address and let them consent",
};

export function safetyWords(code: LanguageCode): SafetyWords {
  return code === "ja" ? ja : en;
}
