/** Pictures of the river beside a gauge, fetched when somebody opens them: a phone on a slow line loads none unasked. */
import { h, setText } from "../shared/dom/h";
import type { Dictionary } from "../shared/language/dictionary";
import { CAMERAS, fetchStill } from "../shared/still/still";
import type { CityClock } from "../shared/time/clock";
import { ageText, nearTime } from "../shared/time/format";
import { askPublic } from "./public";

const AGAIN_MS = 60_000;

/** A camera that has an image for anybody, and the gauges beside which it stands. */
interface Camera {
  readonly camera: string;
  readonly gauges: readonly string[];
  readonly districts: readonly { readonly name: string; readonly nameEn: string }[];
}

/** The cameras of an answer that stand for the gauge; what is none is passed over. */
export function camerasOf(answer: unknown, gauge: string): Camera[] {
  const found = typeof answer === "object" && answer !== null && "cameras" in answer ? answer.cameras : null;
  if (!Array.isArray(found)) return [];
  return found.filter(isCamera).filter(({ gauges }) => gauges.includes(gauge));
}

function isCamera(one: unknown): one is Camera {
  if (typeof one !== "object" || one === null) return false;
  const { camera, gauges, districts } = one as Record<string, unknown>;
  return typeof camera === "string" && Array.isArray(gauges) && Array.isArray(districts);
}

/** Hidden beside a gauge that has no picture. Opening it fetches them; while it is open they are fetched anew. */
export class Stills {
  private readonly heading = h("summary", {});
  private readonly body = h("div", { "aria-live": "polite" });
  readonly root = h("details", { class: "more", id: "stills", hidden: true }, this.heading, this.body);
  private gauge = "";
  private words: Dictionary | null = null;
  private cameras: readonly Camera[] = [];
  private askedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly clock: CityClock) {
    this.root.addEventListener("toggle", () => {
      if (!this.root.open || this.words === null) return;
      this.body.replaceChildren(h("p", { class: "chart__wait" }, this.words.loading));
      void this.draw(this.gauge, this.words);
    });
  }

  /** Called often: asks for another gauge's cameras at once, and for the same one's each minute. */
  render(gauge: string, words: Dictionary): void {
    setText(this.heading, words.stillsHeading);
    if (gauge !== this.gauge) {
      this.root.open = false;
      this.root.hidden = true;
    } else if (words === this.words && performance.now() - this.askedAt < AGAIN_MS) return;
    this.gauge = gauge;
    this.words = words;
    this.askedAt = performance.now();
    void this.ask(gauge, words);
  }

  private async ask(gauge: string, words: Dictionary): Promise<void> {
    const answer = await askPublic([CAMERAS]);
    if (answer === null || gauge !== this.gauge) return;
    this.cameras = camerasOf(answer, gauge);
    this.root.hidden = this.cameras.length === 0;
    if (this.root.open) await this.draw(gauge, words);
  }

  private async draw(gauge: string, words: Dictionary): Promise<void> {
    const found = await Promise.all(this.cameras.map((camera) => this.figure(camera, words)));
    if (gauge !== this.gauge || words !== this.words) return;
    const figures = found.filter((one) => one !== null);
    const none = h("p", { class: "chart__wait" }, words.noStills);
    this.body.replaceChildren(...(figures.length > 0 ? figures : [none]));
  }

  private async figure({ camera, districts }: Camera, words: Dictionary): Promise<HTMLElement | null> {
    const names = districts.map(({ name, nameEn }) => (words.code === "en" && nameEn ? nameEn : name));
    const title = (taken: string | null) => words.still(names.join("・"), this.when(taken, words));
    try {
      const still = await fetchStill(camera, title);
      return still === null ? null : h("figure", { class: "still" }, ...still);
    } catch (error) {
      console.warn(`no image of ${camera}: ${String(error)}`);
      return null;
    }
  }

  private when(taken: string | null, words: Dictionary): string {
    if (taken === null) return words.age.unknown;
    const at = new Date(taken);
    return `${nearTime(at, this.clock.now(), words)}（${ageText(this.clock.minutesSince(at), words)}）`;
  }
}
