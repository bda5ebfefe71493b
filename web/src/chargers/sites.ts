/** Each site: what it draws against its limit, now and in the last hours, and what staff decide about it. */
import type { Load, Site } from "../shared/chargers/types";
import { h } from "../shared/dom/h";
import { type Section, section } from "../shared/form/section";
import { loadChart } from "./load";
import { type ChargersPage, path } from "./page";
import { nameOf, siteDetails, siteForm } from "./site";

const HOURS = 3;

export async function readSites({ account }: ChargersPage): Promise<readonly Site[]> {
  return (await account.api<{ sites: Site[] }>("GET", path("sites"))).sites;
}

/** How far each chart was moved from its newest end, so that drawing it anew leaves it there. */
class Places {
  private readonly places = new Map<string, number>();

  /** Where a chart is wider than its frame, its newest end is what is seen first. */
  keep(site: string, frame: HTMLElement): void {
    const most = frame.scrollWidth - frame.clientWidth;
    frame.scrollLeft = most - (this.places.get(site) ?? 0);
    frame.addEventListener("scroll", () => {
      this.places.set(site, frame.scrollWidth - frame.clientWidth - frame.scrollLeft);
    });
  }
}

export function sites(page: ChargersPage): Section {
  const { account, words } = page;
  const places = new Places();
  const maySet = account.may("chargers:write");
  const made = section("sites", words.sites, async () => {
    const found = await readSites(page);
    const article = async (site: Site) => {
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
        maySet ? siteDetails(words.siteSettings, site.id, () => siteForm(page, site, found, redraw)) : null,
      );
    };
    const shown = await Promise.all(found.map(article));
    return [
      found.length === 0 ? h("p", {}, words.noSites) : h("div", { class: "sites" }, ...shown),
      ...(maySet ? [siteDetails(words.newSite, "new", () => siteForm(page, null, found, redraw))] : []),
    ];
  });
  const redraw = async () => {
    await made.redraw();
    for (const article of made.node.querySelectorAll<HTMLElement>("[data-site]")) {
      const frame = article.querySelector<HTMLElement>(".scroll");
      if (frame !== null) places.keep(article.dataset.site ?? "", frame);
    }
  };
  return { node: made.node, redraw };
}
