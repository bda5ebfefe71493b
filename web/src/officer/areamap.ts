/** The districts on a map: what is in force filled, what is only proposed in dashes, with the gauges above them. */
import { createApi } from "../shared/api/client";
import { h } from "../shared/dom/h";
import { dictionaryOf, type LanguageCode } from "../shared/language/language";
import type { Area } from "../shared/map/areas";
import { type Border, loadBorders } from "../shared/map/borders";
import type { GaugeMap } from "../shared/map/map";
import { shortGauge, spokenRest } from "../shared/stage/words";
import type { Desk, District } from "./types";
import type { OfficerWords } from "./words";

/** How the desk's districts are drawn: what is in force comes before what is proposed. */
export function areasOf(
  desk: Desk,
  borders: readonly Border[],
  words: OfficerWords,
  code: LanguageCode,
): Area[] {
  const districts = new Map(desk.districts.map((one) => [one.id, one]));
  return borders.map(({ id, name, geometry }) => {
    const district = districts.get(id);
    const { state, level } = standingOf(district);
    const named =
      state === "calm"
        ? name
        : `${name}\n${words.mapLevel(state === "force", level)} ${desk.levels[String(level)]?.[code] ?? ""}`;
    return {
      id,
      geometry,
      state,
      level,
      label: named,
      colour: desk.levels[String(level)]?.colour ?? "#767676",
    };
  });
}

function standingOf(district: District | undefined): Pick<Area, "state" | "level"> {
  if (district === undefined) return { state: "calm", level: 0 };
  if (district.standing.level > 0) return { state: "force", level: district.standing.level };
  const { level } = district.proposal;
  return level > 0 ? { state: "proposed", level } : { state: "calm", level: 0 };
}

/** The card's picture. Without WebGL, or before the city answers, the list below says the same. */
export class AreaMap {
  readonly picture = h("div", { class: "area-map" });
  readonly note = h("p", { class: "quiet" });
  private readonly api = createApi();
  private map: GaugeMap | null = null;
  private opening: Promise<void> | null = null;
  private borders: readonly Border[] = [];
  private known = "";

  constructor(
    private readonly words: OfficerWords,
    private readonly code: LanguageCode,
  ) {
    this.note.textContent = words.mapNote;
  }

  /** Draws the desk as it stands; a map that fails to is said once and never keeps the desk from its work. */
  async show(desk: Desk): Promise<void> {
    if (desk.districts.length === 0) return;
    try {
      this.opening ??= this.open();
      await this.opening;
      await this.learn(desk);
      this.map?.showAreas(areasOf(desk, this.borders, this.words, this.code));
      this.map?.show((await this.api.gauges()).gauges);
    } catch (error) {
      console.warn(`no map: ${String(error)}`);
      if (this.map === null) this.fail();
    }
  }

  /** Borders that are not loaded yet, for looking at them. */
  async preview(borders: readonly Border[]): Promise<void> {
    this.opening ??= this.open();
    await this.opening;
    const areas = borders.map(({ id, name, geometry }) => ({
      id,
      geometry,
      state: "proposed" as const,
      level: 0,
      label: name,
      colour: "#0017c1",
    }));
    this.map?.showAreas(areas);
    this.map?.fitAreas(areas);
  }

  /** Ask for the borders again: others were loaded. */
  forget(): void {
    this.known = "";
  }

  private fail(): void {
    this.opening = null;
    this.note.textContent = this.words.mapFailed;
    this.picture.hidden = true;
  }

  private async open(): Promise<void> {
    const [{ GaugeMap }, config] = await Promise.all([import("../shared/map/map"), this.api.config()]);
    const words = dictionaryOf(this.code);
    this.map = new GaugeMap({
      container: this.picture,
      config,
      words,
      name: (gauge) => shortGauge(gauge, words),
      describe: (gauge) => spokenRest(gauge, words),
      select: (id) => this.map?.select(id),
    });
  }

  private async learn(desk: Desk): Promise<void> {
    const named = desk.districts
      .map((one) => one.id)
      .sort()
      .join("\n");
    if (named === this.known) return;
    this.borders = await loadBorders();
    this.known = named;
    this.map?.fitAreas(areasOf(desk, this.borders, this.words, this.code));
  }
}
