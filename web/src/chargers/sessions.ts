/** The newest sessions; those that somebody must look at before they are billed say why. */
import type { ChargingSession } from "../shared/chargers/types";
import { h } from "../shared/dom/h";
import { type Section, section, table } from "../shared/form/section";
import { type ChargersPage, path, timeText } from "./page";

const MOST = 50;

export function sessions(page: ChargersPage): Section {
  const { account, words, code } = page;
  return section("sessions", words.sessions, async () => {
    const found = await account.api<{ sessions: ChargingSession[] }>(
      "GET",
      `${path("sessions")}?limit=${MOST}`,
    );
    const heads = [words.station, words.began, words.ended, words.energy, words.attention];
    const rows = found.sessions.map((one) => [
      `${one.station} ${one.connector === null ? "" : words.connector(one.connector)}`,
      timeText(one.startedAt, code),
      one.endedAt === null ? words.going : timeText(one.endedAt, code),
      words.kwh(one.kwh),
      one.flags.length === 0
        ? "–"
        : h("span", { class: "fault" }, one.flags.map((flag) => words.flags[flag] ?? flag).join("、")),
    ]);
    return [table(words.sessions, heads, rows, words.noSessions)];
  });
}
