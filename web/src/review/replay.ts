/** The night on the map: a slider through time, which may also move by itself. */
import { createApi } from "../shared/api/client";
import type { Gauge } from "../shared/api/types";
import { h } from "../shared/dom/h";
import { dictionaryOf, type LanguageCode } from "../shared/language/language";
import { type Border, loadBorders } from "../shared/map/borders";
import type { GaugeMap } from "../shared/map/map";
import { shortGauge, spokenRest } from "../shared/stage/words";
import { areasAt, gaugesAt, standingAt } from "./night";
import type { Review } from "./types";
import type { ReviewWords } from "./words";

const STEPS = 288;
const STEP_MS = 250;

type Levels = Readonly<Record<string, { readonly ja: string; readonly en: string; readonly colour: string }>>;

async function levelsNow(): Promise<Levels> {
  const answer = await fetch("/api/v1/evacuation/public", { signal: AbortSignal.timeout(15_000) });
  const body: unknown = answer.ok ? await answer.json() : null;
  return typeof body === "object" && body !== null && "levels" in body ? (body.levels as Levels) : {};
}

export class Replay {
  readonly picture = h("div", { class: "area-map" });
  readonly slider = h("input", { type: "range", id: "replay-time", min: 0, max: STEPS, value: 0 });
  readonly shown = h("output", { for: "replay-time" });
  readonly button = h("button", { class: "button", type: "button" });
  readonly note = h("p", { class: "quiet" });
  private map: GaugeMap | null = null;
  private gauges: readonly Gauge[] = [];
  private borders: readonly Border[] = [];
  private levels: Levels = {};
  private review: Review | null = null;
  private timer = 0;

  constructor(
    private readonly words: ReviewWords,
    private readonly code: LanguageCode,
  ) {
    this.note.textContent = words.replayNote;
    this.button.textContent = words.play;
    this.slider.addEventListener("input", () => this.draw());
    this.button.addEventListener("click", () => (this.timer === 0 ? this.play() : this.pause()));
  }

  /** Draws a night from its beginning; a map that fails leaves the table to say it. */
  async show(review: Review): Promise<void> {
    this.pause();
    this.review = review;
    this.slider.value = "0";
    try {
      if (this.map === null) await this.open();
    } catch (error) {
      console.warn(`no map: ${String(error)}`);
      this.note.textContent = this.words.mapFailed;
      this.picture.hidden = true;
    }
    this.draw();
  }

  private async open(): Promise<void> {
    const api = createApi();
    const [{ GaugeMap }, config, snapshot, borders, levels] = await Promise.all([
      import("../shared/map/map"),
      api.config(),
      api.gauges(),
      loadBorders(),
      levelsNow(),
    ]);
    [this.gauges, this.borders, this.levels] = [snapshot.gauges, borders, levels];
    const words = dictionaryOf(this.code);
    this.map = new GaugeMap({
      container: this.picture,
      config,
      words,
      name: (gauge) => shortGauge(gauge, words),
      describe: (gauge) => spokenRest(gauge, words),
      select: (id) => this.map?.select(id),
    });
    this.map.fitAreas(
      borders.map((border) => ({ ...border, state: "calm", level: 0, colour: "", label: "" })),
    );
  }

  private draw(): void {
    if (this.review === null) return;
    const [first, last] = [new Date(this.review.from).getTime(), new Date(this.review.to).getTime()];
    const at = new Date(first + ((last - first) * Number(this.slider.value)) / STEPS);
    const text = at.toLocaleString("ja-JP", {
      timeZone: "Asia/Tokyo",
      dateStyle: "short",
      timeStyle: "short",
    });
    this.shown.textContent = text;
    this.slider.setAttribute("aria-valuetext", text);
    const standing = standingAt(this.review.moments, at);
    const label = (state: string, level: number) =>
      level === 0
        ? ""
        : `${this.words.level(state === "force", level)} ${this.levels[String(level)]?.[this.code] ?? ""}`;
    const colour = (level: number) => this.levels[String(level)]?.colour ?? "#767676";
    this.map?.showAreas(areasAt(this.borders, standing, colour, label));
    this.map?.show(gaugesAt(this.gauges, standing));
  }

  private play(): void {
    if (Number(this.slider.value) >= STEPS) this.slider.value = "0";
    this.button.textContent = this.words.pause;
    this.timer = window.setInterval(() => {
      this.slider.value = String(Number(this.slider.value) + 1);
      this.draw();
      if (Number(this.slider.value) >= STEPS) this.pause();
    }, STEP_MS);
  }

  private pause(): void {
    window.clearInterval(this.timer);
    this.timer = 0;
    this.button.textContent = this.words.play;
  }
}
