/** The alerts in force, a real one, a drill and a test looking and reading differently; changes are spoken. */
import type { Alert } from "../shared/api/types";
import { ALERT_STATUSES, STAGES } from "../shared/api/types";
import { byId, h, setText } from "../shared/dom/h";
import type { Dictionary } from "../shared/language/dictionary";
import { stageMark } from "../shared/stage/mark";
import type { CityClock } from "../shared/time/clock";
import { nearTime } from "../shared/time/format";
import { hashOfGauge } from "./route";
import type { State } from "./state";

/** So many are open at first; the others are one press away. */
const SHOWN = 3;

/** Real ones before drills before tests, then by stage, then the newest. */
export function sortAlerts(alerts: readonly Alert[]): Alert[] {
  return [...alerts].sort(
    (a, b) =>
      ALERT_STATUSES.indexOf(a.status) - ALERT_STATUSES.indexOf(b.status) ||
      STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage) ||
      (b.issuedAt?.getTime() ?? 0) - (a.issuedAt?.getTime() ?? 0),
  );
}

function headline(alert: Alert, words: Dictionary): string {
  return words.code === "en" ? (alert.headlineEn ?? alert.headline) : alert.headline;
}

/** What a screen reader should hear when the alerts changed from `before` to `after`. Pure. */
export function spokenChanges(before: readonly Alert[], after: readonly Alert[], words: Dictionary): string {
  const known = new Set(before.map((alert) => alert.id));
  const remaining = new Set(after.map((alert) => alert.id));
  const started = sortAlerts(after.filter((alert) => !known.has(alert.id)));
  const ended = before.filter((alert) => !remaining.has(alert.id));
  return [
    ...started.map((alert) => words.newAlert(words.alertStatus[alert.status], headline(alert, words))),
    ...ended.map((alert) => words.clearedAlert(headline(alert, words))),
  ].join("\n");
}

function renderAlert(alert: Alert, words: Dictionary, now: Date | null): HTMLElement {
  const text = headline(alert, words);
  const foreign = words.code === "en" && alert.headlineEn === null ? "ja" : null;
  const note = words.alertStatusNote[alert.status];
  const link =
    alert.gauge === null
      ? h("span", { lang: foreign }, text)
      : h("a", { class: "alert__link", href: hashOfGauge(alert.gauge), lang: foreign }, text);
  const time =
    alert.issuedAt === null
      ? null
      : h("span", { class: "alert__time" }, words.issuedAt(nearTime(alert.issuedAt, now, words)));
  return h(
    "li",
    { class: `alert alert--${alert.status} alert--${alert.stage}`, "data-alert": alert.id },
    stageMark(alert.stage, words),
    h(
      "div",
      { class: "alert__body" },
      h(
        "p",
        { class: "alert__head" },
        h("span", { class: "alert__status" }, words.alertStatus[alert.status]),
        link,
        time,
      ),
      note === "" ? null : h("p", { class: "alert__note" }, note),
    ),
  );
}

/** Without an answer from the city nobody knows whether there is none now: only that there was none when it answered. */
function noAlerts({ failed, answeredAt, words }: State): string {
  return failed && answeredAt !== null
    ? words.noAlertsThen(nearTime(answeredAt, null, words))
    : words.noAlerts;
}

function renderAlerts(alerts: readonly Alert[], none: string, words: Dictionary, now: Date | null): Node[] {
  if (alerts.length === 0) return [h("p", { class: "alerts__none" }, none)];
  const items = sortAlerts(alerts).map((alert) => renderAlert(alert, words, now));
  const rest = items.slice(SHOWN);
  const first = h("ul", { class: "alerts__list" }, ...items.slice(0, SHOWN));
  if (rest.length === 0) return [first];
  const more = h(
    "details",
    { class: "alerts__more" },
    h("summary", {}, words.moreAlerts(rest.length)),
    h("ul", { class: "alerts__list" }, ...rest),
  );
  return [first, more];
}

export function createAlerts(clock: CityClock): (state: State, before: State) => void {
  const heading = byId("alerts-heading", HTMLElement);
  const body = byId("alerts-body", HTMLElement);
  const announcer = byId("announcer", HTMLElement);
  let drawn = "";

  return (state, before) => {
    const { alerts, words } = state;
    const none = noAlerts(state);
    setText(heading, words.alertsHeading);
    if (alerts === null) return;
    if (before.alerts !== null && before.alerts !== alerts) {
      const spoken = spokenChanges(before.alerts, alerts, words);
      if (spoken !== "") announcer.textContent = spoken;
    }
    const key = JSON.stringify([words.code, alerts, none]);
    if (key === drawn) return;
    drawn = key;
    const open = body.querySelector("details")?.open ?? false;
    const focused = focusedAlert(body);
    body.replaceChildren(...renderAlerts(alerts, none, words, clock.now()));
    const more = body.querySelector("details");
    if (more !== null) more.open = open;
    if (focused !== null) body.querySelector<HTMLElement>(`[data-alert="${CSS.escape(focused)}"] a`)?.focus();
  };
}

function focusedAlert(body: HTMLElement): string | null {
  const active = document.activeElement;
  if (active === null || !body.contains(active)) return null;
  return active.closest<HTMLElement>("[data-alert]")?.dataset.alert ?? null;
}
