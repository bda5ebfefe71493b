/** What the gateway refused, in the reader's words: its reasons are written for developers, in English. Pure. */
import type { LanguageCode } from "../language/language";

/** Fields that people fill in, as the pages call them. What is not here keeps the API's own name. */
const FIELDS: Readonly<Record<string, string>> = {
  arriveBy: "到着の時刻",
  because: "理由",
  breaks: "休憩",
  calendar: "運行日",
  capacity: "定員",
  day: "日",
  depot: "車庫",
  destination: "降りる所",
  earliest: "日・時刻",
  email: "メールアドレス",
  extra: "臨時に運行する日",
  from: "はじめの日",
  geometry: "地図の形",
  holidays: "祝日の一覧",
  home: "いつもの乗り場",
  mail: "メールアドレス",
  name: "名前",
  onHolidays: "祝日の運行",
  origin: "乗る所",
  password: "パスワード",
  payment: "お支払い",
  phone: "電話番号",
  promise: "乗れる時間",
  reason: "理由",
  roads: "道路",
  seats: "人数",
  shiftUntil: "勤務の終わり",
  stage: "水位の段階",
  stop: "停留所",
  stops: "停留所",
  to: "終わりの日",
  until: "終わりの日",
  vehicle: "車両",
  weekdays: "曜日",
  wheelchairs: "車いす",
  without: "運休の日",
  zone: "区域",
  zones: "区域",
};

const BY_STATUS: Readonly<Record<number, string>> = {
  0: "通信できませんでした。回線を確かめて、もう一度お試しください",
  400: "入力に誤りがあります",
  401: "ログインの期限が切れました。ログインし直してください",
  403: "この操作をする権限がありません",
  404: "見つかりません。ほかの人が消したか、番号が違います",
  408: "時間がかかりすぎました。もう一度お試しください",
  409: "いまの状態ではできません。すでにあるか、ほかの人が先に変えました",
  413: "大きすぎて受け付けられません",
  415: "この種類のファイルは読めません",
  422: "この操作はできません",
  429: "続けて何度も行ったため止めました。少し待ってからお試しください",
  502: "つないでいる相手が答えません",
  503: "混み合っているか、いま使えません。少し待ってからお試しください",
  504: "つないでいる相手が時間内に答えません",
};

const BUG = "システムの不具合で行えませんでした。番号を添えて管理者に知らせてください";

/** Whether a reason is in Japanese already, whatever names of the town it quotes. */
function isJapanese(reason: string): boolean {
  return /[ぁ-ん]/.test(reason.replace(/'[^']*'|"[^"]*"/g, ""));
}

/** The reason as the page says it: in Japanese what kind of refusal and which field, then the reason as it was given. */
export function inWords(
  code: LanguageCode,
  status: number,
  reason: string,
  field = "",
  sentence?: string,
): string {
  const named = field === "" ? reason : `${field}: ${reason}`;
  if (code !== "ja" || isJapanese(reason)) return named;
  const label = FIELDS[field.split(".").at(-1) ?? ""] ?? field;
  const where = field === "" ? "" : `「${label}」: `;
  return `${where}${sentence ?? BY_STATUS[status] ?? BUG}（${reason}）`;
}
