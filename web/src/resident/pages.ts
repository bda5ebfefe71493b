/** Where else the city's residents find something: the pages of the building blocks that it runs. */
import { byId, h } from "../shared/dom/h";
import type { State } from "./state";

const PAGES = [
  ["buses", "bus.html"],
  ["chargers", "chargers.html"],
  ["tags", "tags.html"],
  ["points", "points.html"],
] as const;

const EVERYWHERE = [
  ["person", "person.html"],
  ["catalogue", "catalogue.html"],
  ["developer", "developer.html"],
] as const;

/** Name and address of each page, those that every city has last. Pure. */
export function pagesOf(
  services: readonly string[],
): readonly (readonly [name: (typeof PAGES | typeof EVERYWHERE)[number][0], address: string])[] {
  return [...PAGES.filter(([name]) => services.includes(name)), ...EVERYWHERE];
}

export function createPages(): (state: State) => void {
  const nav = byId("pages", HTMLElement);
  let drawn = "";
  return ({ words, config }) => {
    if (config === null) return;
    const links = pagesOf(config.services);
    const wanted = [words.code, ...links.map(([name]) => name)].join();
    if (wanted === drawn) return;
    drawn = wanted;
    nav.setAttribute("aria-label", words.pages.heading);
    const items = links.map(([name, address]) =>
      h("li", {}, h("a", { href: `./${address}` }, words.pages[name])),
    );
    nav.replaceChildren(h("ul", { class: "foot__links" }, ...items));
  };
}
