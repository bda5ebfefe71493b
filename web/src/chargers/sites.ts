/** Each site: what it draws against its limit, now and in the last hours. */
import type { Load, Site } from "../shared/chargers/types";
import { h } from "../shared/dom/h";
import { type Section, section } from "../shared/form/section";
import { loadChart } from "./load";
import { type ChargersPage, path } from "./page";

const HOURS = 3;

export const nameOf = (site: Site) => site.name || site.id;

export async function readSites({ account }: ChargersPage): Promise<readonly Site[]> {
  return (await account.api<{ sites: Site[] }>("GET", path("sites"))).sites;
}

export function sites(page: ChargersPage): Section {
  const { account, words } = page;
  return section("sites", words.sites, async () => {
    const found = await readSites(page);
    if (found.length === 0) return [h("p", {}, words.noSites)];
    const shown = found.map(async (site) => {
      const address = `${path("sites", site.id, "load")}?hours=${HOURS}`;
      const { load } = await account.api<{ load: Load[] }>("GET", address);
      const share = site.limitNowW > 0 ? Math.round((100 * site.powerW) / site.limitNowW) : 0;
      const over = site.powerW > site.limitNowW * 1.01;
      return h(
        "article",
        { class: "stack", "data-site": site.id },
        h("h3", {}, nameOf(site)),
        h(
          "p",
          { class: over ? "fault" : "" },
          words.ofLimit(words.kw(site.powerW), words.kw(site.limitNowW), share),
          over ? ` ${words.over}` : "",
        ),
        loadChart(nameOf(site), load, HOURS, words),
      );
    });
    return [h("div", { class: "sites" }, ...(await Promise.all(shown)))];
  });
}
