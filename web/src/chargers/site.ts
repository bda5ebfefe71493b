/** What staff decide about a site: its limit and who shares it how, peak cuts, what is above it, what a shelter needs. */
import type { Sharing, Site } from "../shared/chargers/types";
import { h } from "../shared/dom/h";
import { type Field, renderForm, say } from "../shared/form/form";
import { type ChargersPage, chosenFirst, path, unsigned } from "./page";
import { windows } from "./windows";

const SHARINGS: readonly Sharing[] = ["fair", "need", "departure"];

export const nameOf = (site: Site) => site.name || site.id;

const kilowatts = (watts: number) => String(watts / 1000);

function fields(page: ChargersPage, site: Site | null, every: readonly Site[]): Field[] {
  const { words } = page;
  const above = every.filter((one) => one.id !== site?.id).map((one) => [one.id, nameOf(one)] as const);
  const sharings = SHARINGS.map((name) => [name, words.sharings[name]] as const);
  const number = { type: "number", required: true } as const;
  return [
    ...(site === null ? [{ name: "id", label: words.siteId, required: true }] : []),
    { name: "name", label: words.siteName, required: true, value: site?.name ?? "" },
    { name: "limit", label: words.siteLimit, value: site === null ? "" : kilowatts(site.limitW), ...number },
    { name: "sharing", label: words.sharing, options: chosenFirst(sharings, site?.sharing ?? "fair") },
    {
      name: "partOf",
      label: words.partOf,
      options: chosenFirst([["", words.noSite] as const, ...above], site?.partOf ?? ""),
    },
    { name: "load", label: words.shelterNeeds, value: kilowatts(site?.loadW ?? 0), ...number },
    { name: "meter", label: words.meter, value: site?.meter ?? "" },
    { name: "base", label: words.baseLoad, value: kilowatts(site?.baseW ?? 0), ...number },
  ];
}

/** The form; `site` null adds one. What it does not show is kept as it is. */
export function siteForm(
  page: ChargersPage,
  site: Site | null,
  every: readonly Site[],
  after: () => Promise<void>,
): HTMLFormElement {
  const { account, words } = page;
  const box = h("input", { type: "checkbox", name: "shelter", checked: site?.shelter ?? false });
  const cuts = windows(site?.windows ?? [], words);
  const form = renderForm(
    fields(page, site, every),
    site === null ? words.addSite : words.save,
    async ({ id, name, limit, sharing, partOf, load, meter, base }) => {
      await account.api("PUT", path("sites", site?.id ?? id ?? ""), {
        name,
        limitW: Number(limit) * 1000,
        sharing,
        windows: cuts.read(),
        shelter: box.checked,
        loadW: Number(load) * 1000,
        partOf: partOf === "" ? null : partOf,
        meter: meter === "" ? null : meter,
        ...(site === null ? {} : { meterAttribute: site.meterAttribute }),
        baseW: Number(base) * 1000,
      });
      await after();
      say(words.saved);
    },
    h("div", { class: "stack" }, h("label", { class: "check" }, box, words.isShelter), cuts.node),
  );
  form.classList.add("form--wide");
  unsigned(form);
  return form;
}

/** The form behind a summary. It is made when it is opened: a closed one does not keep its section from being drawn. */
export function siteDetails(summary: string, name: string, make: () => HTMLFormElement): HTMLDetailsElement {
  const details = h("details", { "data-form": name }, h("summary", {}, summary));
  details.addEventListener("toggle", () => {
    details.querySelector("form")?.remove();
    if (details.open) details.append(make());
  });
  return details;
}
