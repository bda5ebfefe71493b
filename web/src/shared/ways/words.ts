/** What the part about being told says. */
import type { LanguageCode } from "../language/language";

const ja = {
  title: "お知らせの受け取り方",
  note: "選んだところへ、数秒のうちに届きます。お名前と場所の名前は書かれません。詳しくはこのページで見られます。",
  here: "このブラウザーで受け取る",
  hereStop: "このブラウザーで受け取るのをやめる",
  hereOn: "このブラウザーで受け取っています。",
  hereRefused:
    "このブラウザーでは、お知らせが止められています。ブラウザーの設定で、このサイトの通知を許可してください。",
  hereImpossible: "このブラウザーでは受け取れません（iPhoneでは、ホーム画面に追加してから開いてください）。",
  hereDenied: "通知が許可されませんでした。",
  mail: "メールで受け取る",
  webhook: "自分のサーバーで受け取る（Webhook）",
  target: "アドレス（https://）",
  add: "加える",
  secret: "署名の鍵です。一度しか表示されません。",
  trial: "試しに送る",
  trialSent: "試しに送りました。",
  remove: "やめる",
  removed: "やめました。",
  started: "受け取りを始めました。",
  nowhere: "まだ、どこにも届きません。",
  unreachable: "いま届いていません。",
  channels: { webpush: "ブラウザー", mail: "メール", webhook: "Webhook" } as Readonly<Record<string, string>>,
};

export type WayWords = typeof ja;

const en: WayWords = {
  title: "How you are told",
  note: "Messages arrive within seconds where you choose. They carry neither a name nor a place; this page shows the rest.",
  here: "Tell me in this browser",
  hereStop: "Stop telling me in this browser",
  hereOn: "You are told in this browser.",
  hereRefused: "Notifications are blocked in this browser. Allow them for this site in its settings.",
  hereImpossible: "This browser cannot take messages (on an iPhone add this page to the home screen first).",
  hereDenied: "Notifications were not allowed.",
  mail: "Tell me by mail",
  webhook: "Tell my own server (webhook)",
  target: "Address (https://)",
  add: "Add",
  secret: "The key of the signatures. It is shown only once.",
  trial: "Send a trial",
  trialSent: "A trial was sent.",
  remove: "Stop",
  removed: "Stopped.",
  started: "You will be told.",
  nowhere: "You are told nowhere yet.",
  unreachable: "Not arriving at present.",
  channels: { webpush: "Browser", mail: "Mail", webhook: "Webhook" },
};

export const wayWords = (code: LanguageCode): WayWords => (code === "ja" ? ja : en);
