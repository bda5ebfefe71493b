/** Telling a station to do something: asked once more, sent, and its answer said in words. */
import type { ChargingSession, Station } from "../shared/chargers/types";
import type { ChargerWords } from "../shared/chargers/words";
import { h } from "../shared/dom/h";
import { renderForm, say } from "../shared/form/form";
import { renderSure } from "../shared/form/sure";
import { type ChargersPage, path } from "./page";

const LOOK_MS = 1_000;
const EXPIRES_S = 60;

interface State {
  readonly status: "queued" | "sent" | "acknowledged" | "done" | "failed" | "expired";
  readonly answer: string | null;
}

type Arguments = Readonly<Record<string, unknown>>;

/** The answer in the reader's words; what no table knows is shown as it came. Pure. */
export function answerText(answer: string | null, words: ChargerWords): string {
  const text = answer ?? "";
  let status = text;
  try {
    const read: unknown = JSON.parse(text);
    if (typeof read === "object" && read !== null) {
      if ("status" in read) status = String(read.status);
      else if ("fileName" in read) return String(read.fileName);
      else if (Object.keys(read).length === 0) status = "Accepted";
    }
  } catch {
    // A status alone is no JSON.
  }
  return words.answers[status] ?? text;
}

export async function send(
  page: ChargersPage,
  station: string,
  what: string,
  command: string,
  args: Arguments,
): Promise<void> {
  const { account, words } = page;
  const body = { command, arguments: args, expiresInS: EXPIRES_S };
  const made = await account.api<{ id: string }>("POST", path("stations", station, "commands"), body);
  say(words.sent(what));
  for (;;) {
    await new Promise((done) => setTimeout(done, LOOK_MS));
    const state = await account.api<State>("GET", path("commands", made.id));
    if (state.status === "done") return say(words.answered(what, answerText(state.answer, words)));
    if (state.status === "failed") return say(words.refused(what, answerText(state.answer, words)), true);
    if (state.status === "expired") return say(words.silent(what), true);
  }
}

/** Its firmware and its logs: the station fetches the one and sends the other, and tells how far it came. */
function upkeep(page: ChargersPage, station: Station): HTMLElement {
  const { words } = page;
  const firmware = renderForm(
    [
      { name: "url", label: words.firmwareUrl, type: "url", required: true },
      { name: "at", label: words.firmwareAt, type: "datetime-local", required: true },
    ],
    words.updateFirmware,
    ({ url, at }) => send(page, station.id, words.updateFirmware, "firmware", { url, at: `${at}:00+09:00` }),
  );
  const log = renderForm(
    [{ name: "url", label: words.logUrl, type: "url", required: true }],
    words.fetchLog,
    ({ url }) => send(page, station.id, words.fetchLog, "diagnostics", { url }),
  );
  for (const form of [firmware, log]) form.classList.add("form--wide");
  return h("details", { id: "upkeep" }, h("summary", {}, words.upkeep), firmware, log);
}

/** Everything that can be told from here; what concerns a connector or a session stands once for each. */
export function commands(page: ChargersPage, station: Station): HTMLElement {
  const { words } = page;
  const button = (label: string, command: string, args: Arguments) =>
    renderSure(label, words.sure(label), words.stop, () => send(page, station.id, label, command, args));
  const plugs = station.connectors.filter(({ connector }) => connector > 0);
  const ofPlug = plugs.map(({ connector }) => {
    const session = station.sessions.find((one) => one.connector === connector);
    return h(
      "div",
      { class: "row", "data-connector": connector },
      h("strong", {}, words.connector(connector)),
      session === undefined ? null : button(words.end, "remote-stop", stopped(session)),
      button(words.unlock, "unlock", { connector }),
      button(words.tell, "trigger", { message: "StatusNotification", connector }),
      button(words.shut, "availability", { connector, operative: false }),
      button(words.open, "availability", { connector, operative: true }),
    );
  });
  const start = renderForm(
    [
      { name: "token", label: words.card, required: true },
      {
        name: "connector",
        label: words.plug,
        options: plugs.map(({ connector }) => [String(connector), words.connector(connector)] as const),
      },
    ],
    words.start,
    ({ token, connector }) =>
      send(page, station.id, words.start, "remote-start", { token, connector: Number(connector) }),
  );
  start.classList.add("form--wide");
  return h(
    "div",
    { class: "stack", id: "commands" },
    h("h3", {}, words.commands),
    ...ofPlug,
    h(
      "div",
      { class: "row" },
      button(words.restart, "reset", { kind: "Soft" }),
      button(words.restartNow, "reset", { kind: "Hard" }),
    ),
    h("details", {}, h("summary", {}, words.startWith), start),
    upkeep(page, station),
  );
}

const stopped = (session: ChargingSession): Arguments => ({ transaction: session.transaction });
