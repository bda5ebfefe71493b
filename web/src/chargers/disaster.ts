/** The disaster mode: what proposes it, what it will do, opening it, who can feed a shelter, and back to normal. */
import type { Disaster, Emergency, Proposal, Site, Station } from "../shared/chargers/types";
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { type Section, section, table } from "../shared/form/section";
import { renderSure } from "../shared/form/sure";
import { type ChargersPage, path, timeText, unsigned } from "./page";
import { boxes, ticked } from "./settings";
import { nameOf } from "./site";
import { readSites } from "./sites";
import { readStations } from "./stations";

const USUAL_CAP_KW = "2";
const USUAL_FLOOR_KW = "6";

const headline = (proposal: Proposal, { code }: ChargersPage) =>
  (code === "ja" ? proposal.headline : (proposal.headlineEn ?? proposal.headline)) ?? proposal.alert;

/** What the mode does, in the words of those who must decide at night. */
function effects({ words }: ChargersPage, capW: number, floorW: number): HTMLElement {
  const lines = words.effects(words.kw(capW), words.kw(floorW)).map((line) => h("li", {}, line));
  return h("div", {}, h("h3", {}, words.whatHappens), h("ul", { class: "effects" }, ...lines));
}

/** The form that opens it; its effects follow what is typed. */
function opening(
  page: ChargersPage,
  stations: readonly Station[],
  proposal: Proposal | null,
  after: () => Promise<void>,
): HTMLElement {
  const { account, words } = page;
  const place = h("div", {}, effects(page, Number(USUAL_CAP_KW) * 1000, Number(USUAL_FLOOR_KW) * 1000));
  const flooded = boxes(
    "flooded",
    words.flooded,
    stations.map(({ id, name }) => [id, name === id ? id : `${name}（${id}）`] as const),
    new Set(proposal?.stations ?? []),
  );
  const form = renderForm(
    [
      {
        name: "because",
        label: words.because,
        required: true,
        value: proposal === null ? "" : headline(proposal, page),
      },
      { name: "cap", label: words.publicCap, type: "number", required: true, value: USUAL_CAP_KW },
      { name: "floor", label: words.floor, type: "number", required: true, value: USUAL_FLOOR_KW },
    ],
    words.openIt,
    async ({ because, cap, floor }) => {
      await account.api("POST", path("disaster"), {
        because,
        publicCapW: Number(cap) * 1000,
        emergencyFloorW: Number(floor) * 1000,
        alert: proposal?.alert ?? null,
        flooded: ticked(flooded),
      });
      await after();
      say(words.opened);
    },
    h("div", { class: "stack" }, flooded, h("p", { class: "quiet" }, words.floodedNote), place),
  );
  unsigned(form);
  form.addEventListener("input", () => {
    const typed = new FormData(form);
    place.replaceChildren(effects(page, Number(typed.get("cap")) * 1000, Number(typed.get("floor")) * 1000));
  });
  form.id = "opening";
  return form;
}

function proposals(page: ChargersPage, found: Disaster, prepare: (proposal: Proposal) => void): HTMLElement {
  const { words } = page;
  if (found.proposals.length === 0) return h("p", { class: "quiet" }, words.noProposals);
  const lines = found.proposals.map((proposal) =>
    h(
      "li",
      { class: "row", "data-alert": proposal.alert },
      h("strong", {}, headline(proposal, page)),
      proposal.mode === "exercise" ? h("span", { class: "tag" }, words.exercise) : null,
      renderButton(words.propose, async () => prepare(proposal)),
    ),
  );
  return h(
    "div",
    { class: "notice notice--bad", id: "proposals" },
    h("h3", {}, words.proposed),
    h("ul", { class: "lines" }, ...lines),
    h("p", {}, words.proposedNote),
  );
}

function running(page: ChargersPage, open: Emergency, redraw: () => Promise<void>): HTMLElement {
  const { account, words, code } = page;
  return h(
    "div",
    { class: "notice notice--bad", id: "open" },
    h("p", {}, h("strong", {}, words.openSince(timeText(open.openedAt, code), open.openedBy))),
    h("p", {}, `${words.because}: ${open.because}`),
    effects(page, open.publicCapW, open.emergencyFloorW),
    renderSure(words.backToNormal, words.sure(words.backToNormal), words.stop, async () => {
      await account.api("DELETE", path("disaster"));
      await redraw();
      say(words.closed);
    }),
  );
}

function supply({ words }: ChargersPage, sites: readonly Site[]): HTMLElement {
  const rows = sites.flatMap((site) =>
    site.supply.map((one) => [
      one.station,
      `${nameOf(site)}${site.loadW > 0 ? ` (${words.shelterLoad(site.loadW)})` : ""}`,
      one.stateOfCharge === null ? words.unknownSoc : words.soc(one.stateOfCharge),
      words.kwh(one.kwh),
      words.kw(one.powerW),
      words.hours(one.hours),
    ]),
  );
  const heads = [words.station, words.site, words.vehicle, words.supplyKwh, words.power, words.supplyHours];
  return h(
    "div",
    { id: "supply", class: "stack" },
    h("h3", {}, words.supply),
    table(words.supply, heads, rows, words.noSupply),
    rows.length > 0 ? h("p", { class: "quiet" }, words.supplyNote) : null,
  );
}

export function disaster(page: ChargersPage, changed: () => Promise<void>): Section {
  const { account, words, code } = page;
  return section("disaster", words.disaster, async (redraw) => {
    const [found, sites] = await Promise.all([
      account.api<Disaster>("GET", path("disaster")),
      readSites(page),
    ]);
    const after = async () => {
      await redraw();
      await changed();
    };
    const place = h("div", {});
    const prepare = async (proposal: Proposal | null) => {
      place.replaceChildren(opening(page, await readStations(page), proposal, after));
      place.querySelector("input")?.focus();
    };
    const past = found.past.map((one) =>
      h(
        "li",
        {},
        words.pastLine(timeText(one.openedAt, code), timeText(one.closedAt, code), one.closedBy ?? ""),
        ` ${one.because}`,
      ),
    );
    const mayOpen = account.may("chargers:disaster");
    return [
      found.open === null ? h("p", {}, words.normal) : running(page, found.open, after),
      ...(found.open === null
        ? [
            proposals(page, found, (proposal) => void prepare(proposal)),
            ...(mayOpen
              ? [
                  h(
                    "div",
                    { class: "row" },
                    renderButton(words.prepare, () => prepare(null)),
                  ),
                ]
              : []),
            place,
          ]
        : []),
      supply(page, sites),
      ...(past.length > 0
        ? [h("details", {}, h("summary", {}, words.past), h("ul", { class: "lines" }, ...past))]
        : []),
    ];
  });
}
