/** What staff decide about a station: its site, who comes first there, what it can give a building, what floods it. */
import { createApi } from "../shared/api/client";
import type { Priority, Site, Station } from "../shared/chargers/types";
import { h } from "../shared/dom/h";
import { renderForm, say } from "../shared/form/form";
import { type ChargersPage, chosenFirst, path, unsigned } from "./page";
import { nameOf } from "./site";

const PRIORITIES: readonly Priority[] = ["emergency", "shelter", "fleet", "public"];

/** Choices with a box for each. */
export function boxes(
  name: string,
  title: string,
  options: readonly (readonly [value: string, label: string])[],
  chosen: ReadonlySet<string>,
): HTMLFieldSetElement {
  const each = ([value, label]: readonly [string, string]) =>
    h(
      "label",
      { class: "check" },
      h("input", { type: "checkbox", name, value, checked: chosen.has(value) }),
      label,
    );
  return h(
    "fieldset",
    {},
    h("legend", {}, title),
    h("div", { class: "choices", tabindex: 0, role: "group", "aria-label": title }, ...options.map(each)),
  );
}

/** What is ticked in `boxes`. */
export function ticked(fieldset: HTMLFieldSetElement): string[] {
  return [...fieldset.querySelectorAll<HTMLInputElement>("input:checked")].map((input) => input.value);
}

async function gauges(): Promise<(readonly [string, string])[]> {
  try {
    return (await createApi().gauges()).gauges.map(
      (gauge) => [gauge.id, `${gauge.river} ${gauge.name}`] as const,
    );
  } catch (error) {
    console.warn(`no gauges: ${String(error)}`);
    return [];
  }
}

export async function settings(
  page: ChargersPage,
  station: Station,
  sites: readonly Site[],
  after: () => Promise<void>,
): Promise<HTMLElement> {
  const { account, words } = page;
  const known = await gauges();
  const strange = station.floodsWith.filter((id) => !known.some(([gauge]) => gauge === id));
  const floods = boxes(
    "floods",
    words.floods,
    [...known, ...strange.map((id) => [id, id] as const)],
    new Set(station.floodsWith),
  );
  const places = [["", words.noSite] as const, ...sites.map((site) => [site.id, nameOf(site)] as const)];
  const priorities = PRIORITIES.map((name) => [name, words.priorities[name]] as const);
  const form = renderForm(
    [
      { name: "site", label: words.site, options: chosenFirst(places, station.site ?? "") },
      { name: "priority", label: words.priority, options: chosenFirst(priorities, station.priority) },
      {
        name: "v2h",
        label: words.v2h,
        type: "number",
        value: station.v2hW === null ? "" : String(station.v2hW / 1000),
      },
      { name: "battery", label: words.battery, type: "number", value: String(station.batteryKwh) },
    ],
    words.save,
    async ({ site, priority, v2h, battery }) => {
      await account.api("PUT", path("stations", station.id), {
        site: site === "" ? null : site,
        priority,
        flooded: station.flooded,
        refused: station.refused,
        v2hW: v2h === "" ? null : Number(v2h) * 1000,
        batteryKwh: Number(battery),
        floodsWith: ticked(floods),
      });
      await after();
      say(words.saved);
    },
    h("div", {}, floods, h("p", { class: "quiet" }, words.floodsHelp)),
  );
  unsigned(form);
  return h("details", { id: "settings" }, h("summary", {}, words.settings), form);
}
