/** For the officers who look for a missing person: begin with a reason, see place and path, end it. */
import { eventsTable, pathTable } from "../family/day";
import { openMap, type WearerMap } from "../family/map";
import { presenceFacts, sentence, when } from "../family/now";
import type { Day, Presence } from "../family/types";
import { type FamilyWords, familyWords } from "../family/words";
import { openFor } from "../shared/account/desk";
import type { Account } from "../shared/account/session";
import { createApi } from "../shared/api/client";
import type { Config } from "../shared/api/types";
import { dayOf } from "../shared/bus/time";
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import type { LanguageCode } from "../shared/language/language";
import { type SearcherWords, searcherWords } from "./words";

interface Report {
  readonly id: string;
  readonly reported_at: string;
  readonly mine: string | null;
}

interface Found extends Presence {
  readonly words: string;
}

interface Desk {
  readonly account: Account;
  readonly words: SearcherWords;
  readonly family: FamilyWords;
  readonly code: LanguageCode;
  readonly config: Config;
  readonly redraw: () => Promise<void>;
}

const ROOT = "/api/v1/tag-searches";
const MINUTES = [30, 60, 120, 360, 720, 1440] as const;

const pathTo = (search: Report, ...rest: readonly string[]) =>
  [ROOT, encodeURIComponent(search.id), ...rest].join("/");

function beginning({ account, words, redraw }: Desk, report: Report): HTMLElement {
  return renderForm(
    [
      { name: "reason", label: words.reason, type: "textarea", required: true },
      {
        name: "minutes",
        label: words.minutes,
        options: MINUTES.map((minutes) => [String(minutes), words.minutesOf(minutes)] as const),
      },
    ],
    words.begin,
    async ({ reason, minutes }) => {
      await account.api("POST", pathTo(report, "opening"), { reason, minutes: Number(minutes) });
      await redraw();
      say(words.begun);
    },
  );
}

/** Asks once more before everybody's view ends. */
function ending({ account, words, redraw }: Desk, report: Report): HTMLElement {
  const place = h("div", { class: "row" });
  const first = h("button", { class: "button", type: "button" }, words.close);
  first.addEventListener("click", () => {
    const sure = renderButton(words.closeSure, async () => {
      await account.api("POST", pathTo(report, "closing"));
      await redraw();
      say(words.closed);
    });
    const keep = h("button", { class: "button", type: "button" }, words.keep);
    keep.addEventListener("click", () => {
      place.replaceChildren(first);
      first.focus();
    });
    place.replaceChildren(keep, sure);
    keep.focus();
  });
  place.append(first);
  return h("div", { class: "stack" }, place, h("p", { class: "quiet" }, words.closeNote));
}

/** What the officer sees, asked for anew with each press: every look is one line in the family's record. */
function looking(desk: Desk, report: Report): HTMLElement {
  const { account, words, family, code, config } = desk;
  const box = h("div", { class: "map", hidden: true });
  const standing = h("div", { role: "status" });
  const shown = h("div", { class: "stack" });
  let map: WearerMap | null = null;
  const look = renderButton(words.look, async () => {
    const now = new Date();
    const query = new URLSearchParams({ day: dayOf(now) });
    const found = await account.api<Found>("GET", pathTo(report));
    const day = await account.api<Day>("GET", `${pathTo(report, "history")}?${query}`);
    box.hidden = false;
    map ??= openMap(box, config, family);
    standing.replaceChildren(
      h("p", { class: "standing" }, `${found.name}: ${sentence(found, now, family, code)}`),
    );
    shown.replaceChildren(
      presenceFacts(found, now, family, code),
      h("h3", {}, words.clues),
      h("p", {}, found.words || words.noClues),
      eventsTable(day, family),
      pathTable(day, family),
    );
    const at = found.location?.coordinates;
    await map?.show({
      path: day.path.map((fix) => fix.location),
      wearer: at === undefined ? null : { at, accuracy: found.accuracy ?? 0, name: found.name },
    });
  });
  look.classList.add("button--main");
  return h(
    "div",
    { class: "stack" },
    h("div", { class: "row" }, look),
    standing,
    box,
    shown,
    ending(desk, report),
  );
}

function card(desk: Desk, report: Report): HTMLElement {
  const { words, code } = desk;
  const now = new Date();
  const title = h("h2", { id: `search-${report.id}` }, words.reported(when(report.reported_at, now, code)));
  const attributes = { class: "card", "data-search": report.id, "aria-labelledby": `search-${report.id}` };
  if (report.mine !== null && new Date(report.mine) > now) {
    const until = h("p", {}, words.mineUntil(when(report.mine, now, code)));
    return h("section", attributes, title, until, looking(desk, report));
  }
  const why = h("p", {}, report.mine === null ? words.notOpened : words.over);
  return h("section", attributes, title, why, beginning(desk, report));
}

openFor("pageSearches", "searches:use", async (main, account, code) => {
  const config = await createApi().config();
  const words = searcherWords(code);
  const redraw = async (): Promise<void> => {
    const { searches } = await account.api<{ searches: Report[] }>("GET", ROOT);
    const desk: Desk = { account, words, family: familyWords(code), code, config, redraw };
    main.replaceChildren(
      h("p", {}, words.intro),
      ...(searches.length > 0 ? searches.map((one) => card(desk, one)) : [h("p", {}, words.nothing)]),
    );
  };
  await redraw();
});
