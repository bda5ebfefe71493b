/** The drivers' page: where a charger is free. No account is asked for. */
import { openDesk } from "../shared/account/desk";
import { Refused, request } from "../shared/account/session";
import { createApi } from "../shared/api/client";
import { useMark, useText } from "../shared/chargers/mark";
import { best, type PublicStation, USES } from "../shared/chargers/types";
import { type ChargerWords, chargerWords } from "../shared/chargers/words";
import { h, setText } from "../shared/dom/h";
import { say } from "../shared/form/form";
import type { PlaceMap } from "../shared/map/places";

const EVERY_MS = 10_000;

function legend(words: ChargerWords): HTMLElement {
  const lines = USES.flatMap((use) => [
    h("dt", {}, useText(use, words.use[use])),
    h("dd", {}, words.useNote[use]),
  ]);
  return h(
    "details",
    {},
    h("summary", {}, words.legend),
    h("dl", { class: "facts facts--legend" }, ...lines),
  );
}

function line(station: PublicStation, words: ChargerWords): HTMLElement {
  const counts = USES.filter((use) => station.connectors[use] > 0).map((use) =>
    useText(use, `${words.use[use]} ${words.connectors(station.connectors[use])}`),
  );
  const shown = counts.length > 0 ? counts : [useText("unknown", words.use.unknown)];
  return h(
    "li",
    { class: "charger", "data-station": station.id },
    h("h3", {}, station.name),
    h("p", { class: "row" }, ...shown),
  );
}

class Page {
  private readonly list = h("ul", { class: "chargers" });
  private readonly time = h("p", { class: "quiet" });
  private readonly picture = h("div", { class: "charger-map", id: "map" });
  private readonly only: HTMLInputElement = h("input", { type: "checkbox", id: "free-only" });
  private stations: readonly PublicStation[] = [];
  private map: PlaceMap | null = null;

  constructor(private readonly words: ChargerWords) {
    this.only.addEventListener("change", () => this.show());
  }

  draw(main: HTMLElement): void {
    const { words } = this;
    main.append(
      h(
        "section",
        { class: "card", id: "where" },
        h("h2", {}, words.map),
        this.picture,
        h("p", { class: "quiet" }, words.mapHelp),
        legend(words),
      ),
      h(
        "section",
        { class: "card", id: "list" },
        h("h2", {}, words.list),
        this.time,
        h("label", { class: "check", for: "free-only" }, this.only, words.freeOnly),
        this.list,
      ),
    );
  }

  async open(): Promise<void> {
    try {
      const [{ PlaceMap: Drawn }, config] = await Promise.all([
        import("../shared/map/places"),
        createApi().config(),
      ]);
      this.map = new Drawn(this.picture, config, this.words.map);
      this.show();
    } catch (error) {
      console.warn(`no map: ${String(error)}`);
      this.picture.hidden = true;
    }
  }

  async read(): Promise<void> {
    try {
      const { stations } = await request<{ stations: PublicStation[] }>("GET", "/api/v1/chargers");
      this.stations = stations;
      const time = new Date().toLocaleTimeString("ja-JP", { timeZone: "Asia/Tokyo" });
      setText(this.time, this.words.asOf(time));
      say("");
    } catch (error) {
      say(error instanceof Refused && error.status === 404 ? this.words.notThere : this.words.away, true);
    }
    this.show();
  }

  private show(): void {
    const { words } = this;
    const shown = this.stations.filter((station) => !this.only.checked || best(station) === "free");
    this.list.replaceChildren(
      ...(shown.length > 0 ? shown.map((station) => line(station, words)) : [h("li", {}, words.none)]),
    );
    const places: (readonly [number, number])[] = [];
    for (const station of this.stations) {
      if (station.location === null) continue;
      const use = best(station);
      const mark = this.map?.mark(station.id, station.location.coordinates, () =>
        h("div", { "aria-hidden": "true", class: "charger-mark" }),
      );
      mark?.replaceChildren(useMark(use));
      mark?.setAttribute("title", `${station.name} ${words.use[use]}`);
      places.push(station.location.coordinates);
    }
    this.map?.fit(places);
  }
}

openDesk("pageMotorist", async (main) => {
  const page = new Page(chargerWords(document.documentElement.lang === "en" ? "en" : "ja"));
  page.draw(main);
  await page.read();
  await page.open();
  const list = main.querySelector("#list");
  const timer = window.setInterval(() => {
    if (list !== null && main.contains(list)) void page.read();
    else clearInterval(timer);
  }, EVERY_MS);
});
