/** The map's place on the page: loads the map after the list is there, or says why there is none. */
import { STAGES } from "../shared/api/types";
import { byId, h, setText } from "../shared/dom/h";
import type { GaugeMap } from "../shared/map/map";
import { stageMark } from "../shared/stage/mark";
import { shortGauge, spokenRest } from "../shared/stage/words";
import { hashOfGauge } from "./route";
import type { State } from "./state";

interface Line {
  readonly saveData?: boolean;
  /** The Network Information API's estimate; browsers without it say nothing. */
  readonly effectiveType?: "slow-2g" | "2g" | "3g" | "4g";
}

/** Who asked the browser to save data, or has a slow line, gets the map (ten times the rest of the page) on request. */
function sparesTheLine(): boolean {
  const { connection } = navigator as Navigator & { connection?: Line };
  return connection?.saveData === true || (connection?.effectiveType ?? "4g") !== "4g";
}

export class MapView {
  private readonly picture = byId("map", HTMLElement);
  private readonly note = byId("map-note", HTMLElement);
  private map: GaugeMap | null = null;
  private status: "waiting" | "loading" | "shown" | "failed" = sparesTheLine() ? "waiting" : "loading";
  private started = false;
  private shownLanguage = "";
  /** The map takes a while to load; what it shows first is what is true then. */
  private latest: State | null = null;

  render(state: State): void {
    this.latest = state;
    const { words, config, gauges } = state;
    setText(byId("map-heading", HTMLElement), words.mapHeading);
    setText(byId("map-help", HTMLElement), words.mapHelp);
    this.renderLegend(state);
    this.renderNote(state);
    if (config === null || gauges === null || this.status === "waiting") return;
    if (this.map !== null && this.shownLanguage !== words.code) {
      this.map.remove();
      this.map = null;
      this.started = false;
    }
    if (!this.started) {
      this.started = true;
      this.shownLanguage = words.code;
      void this.load(state);
      return;
    }
    if (this.map !== null) this.draw(this.map, state);
  }

  private draw(map: GaugeMap, { gauges, areas, shelters, selected }: State): void {
    map.showAreas(areas);
    map.showShelters(shelters);
    map.show(gauges ?? []);
    map.select(selected);
  }

  private async load(first: State): Promise<void> {
    const { words, config } = first;
    if (config === null) return;
    try {
      const { GaugeMap } = await import("../shared/map/map");
      this.map = new GaugeMap({
        container: this.picture,
        config,
        words,
        name: (gauge) => shortGauge(gauge, words),
        describe: (gauge) => spokenRest(gauge, words),
        select: (id) => {
          location.hash = hashOfGauge(id);
        },
      });
      this.status = "shown";
      this.draw(this.map, this.latest ?? first);
    } catch (error) {
      // No WebGL, or the map's part of the page did not arrive: the list is there all the same.
      console.warn(`no map: ${String(error)}`);
      this.status = "failed";
      this.picture.replaceChildren(this.note);
    }
    this.renderNote(first);
  }

  private renderNote({ words }: State): void {
    this.note.hidden = this.status === "shown";
    if (this.status === "waiting") {
      if (this.note.firstElementChild !== null) return;
      const button = h("button", { type: "button", class: "button" }, words.mapShow);
      button.addEventListener("click", () => {
        this.status = "loading";
        this.requestRender();
      });
      this.note.replaceChildren(button);
      return;
    }
    setText(this.note, this.status === "failed" ? words.mapFailed : words.mapLoading);
  }

  /** Set by the page: draws the present state again. */
  requestRender: () => void = () => undefined;

  private renderLegend({ words, gauges }: State): void {
    setText(byId("legend-heading", HTMLElement), words.legend);
    const list = byId("legend-list", HTMLElement);
    const count = (stage: string) => (gauges ?? []).filter((gauge) => gauge.stage === stage).length;
    const texts = STAGES.map((stage) => `${words.stage[stage]}（${words.gaugeCount(count(stage))}）`);
    if (list.dataset.drawn === texts.join()) return;
    list.dataset.drawn = texts.join();
    list.replaceChildren(
      ...STAGES.map((stage, index) =>
        h("li", {}, stageMark(stage, words), h("span", {}, texts[index] ?? "")),
      ),
    );
  }
}
