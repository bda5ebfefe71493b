/** The shelters' desk: open, close and count each shelter; who came is seen at once by residents and officers. */
import { openFor } from "../shared/account/desk";
import type { Account } from "../shared/account/session";
import { Refused } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderForm, say } from "../shared/form/form";
import {
  factsOf,
  OPENINGS,
  type Shelter,
  type ShelterWords,
  sheltersOf,
  shelterWords,
} from "../shared/shelter/shelter";
import { type KeeperWords, keeperWords } from "./words";

const EVERY_MS = 15_000;
let timer = 0;

interface Counted {
  readonly shelter_id: string;
  readonly state: "safe" | "moving" | "help";
  readonly count: number;
}

/** What vehicles at the shelter's charging stations could give it now. */
interface Feed {
  readonly stations: number;
  readonly vehicles: number;
  readonly unknown: number;
  readonly kwh: number;
  readonly powerW: number;
  readonly loadW: number;
  readonly hours: number;
}

interface DeskAnswer {
  readonly mode: "actual" | "exercise" | "test";
  readonly safety: readonly Counted[];
  readonly shelters: readonly { readonly id: string; readonly feed: Feed | null }[];
}

class KeeperDesk {
  readonly top = h("div", {});
  readonly list = h("ul", { class: "shelters" });
  private drawn = "";

  constructor(
    private readonly account: Account,
    private readonly words: KeeperWords,
    private readonly shelterWords: ShelterWords,
    private readonly english: boolean,
  ) {}

  /** Reads anew; a shelter that somebody is writing about is left as it stands. */
  async refresh(): Promise<void> {
    const answer = await this.account.api<DeskAnswer>("GET", "/api/v1/evacuation/desk/shelters");
    const key = JSON.stringify(answer);
    if (key === this.drawn || this.list.contains(document.activeElement)) return;
    this.drawn = key;
    const { words } = this;
    this.top.replaceChildren(answer.mode === "actual" ? "" : h("p", { class: "drill" }, words.drill));
    const shelters = sheltersOf(answer);
    if (shelters.length === 0) this.list.replaceChildren(h("li", {}, words.none));
    else this.list.replaceChildren(...shelters.map((one) => this.card(one, answer)));
  }

  private card(shelter: Shelter, { safety, shelters }: DeskAnswer): HTMLElement {
    const { words, shelterWords: called } = this;
    const { id, state, name, nameEn, count, note } = shelter;
    const title = this.english && nameEn ? nameEn : name;
    const feed = shelters.find((one) => one.id === id)?.feed ?? null;
    const said = safety.filter((one) => one.shelter_id === id);
    const form = renderForm(
      [
        { name: "state", label: words.state, options: this.options(state) },
        { name: "count", label: words.count, type: "number", value: count === null ? "" : String(count) },
        { name: "power", label: words.power, options: this.powers(shelter) },
        { name: "note", label: words.note, value: note },
      ],
      words.save(title),
      (values) => this.save(shelter, values),
    );
    return h(
      "li",
      { class: `card shelter shelter--${state}`, "data-shelter": id },
      h("h2", {}, `${title}: ${called.state[state]}`),
      h("p", {}, factsOf(shelter, called).join("、")),
      feed === null ? null : h("p", { class: "feed" }, this.feedText(feed)),
      said.length === 0
        ? null
        : h("p", { class: "quiet" }, said.map((one) => words.said(one.state, one.count)).join("、")),
      form,
    );
  }

  /** What could feed the building, and for how long. */
  private feedText({ stations, vehicles, unknown, kwh, powerW, loadW, hours }: Feed): string {
    const { words } = this;
    const kw = (watts: number) => Math.round(watts / 100) / 10;
    const told = vehicles - unknown;
    return [
      words.feedStations(stations),
      told === 0 || kwh === 0 ? words.noFeed : words.feed(told, Math.round(kwh * 10) / 10, kw(powerW)),
      hours > 0 ? words.feedHours(kw(loadW), hours) : "",
      unknown > 0 ? words.feedUnknown(unknown) : "",
    ]
      .filter((text) => text !== "")
      .join("、");
  }

  /** The present state first: a form shows what is. */
  private options(state: Shelter["state"]): [string, string][] {
    const rest = OPENINGS.filter((one) => one !== state);
    return [state, ...rest].map((one) => [one, this.shelterWords.state[one]]);
  }

  private powers({ power }: Shelter): [string, string][] {
    const { power: there, noPower } = this.shelterWords;
    const both: [string, string][] = [
      ["yes", there],
      ["no", noPower],
    ];
    return power ? both : both.reverse();
  }

  private async save(shelter: Shelter, values: Record<string, string>): Promise<void> {
    const { state, power } = shelter;
    const count = values.count?.trim() ?? "";
    const changes = {
      seen: shelter.revision,
      note: values.note ?? "",
      ...(values.state === state ? {} : { state: values.state }),
      ...(count === "" || Number(count) === shelter.count ? {} : { count: Number(count) }),
      ...((values.power === "yes") === power ? {} : { power: values.power === "yes" }),
    };
    try {
      await this.account.api(
        "PATCH",
        `/api/v1/evacuation/shelters/${encodeURIComponent(shelter.id)}`,
        changes,
      );
      say(this.words.saved(shelter.name));
    } catch (error) {
      say(this.words.refused(error instanceof Error ? error.message : String(error)), true);
      if (!(error instanceof Refused && error.status === 409)) return;
    }
    this.drawn = "";
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    await this.refresh();
    document.querySelector<HTMLElement>(`[data-shelter="${CSS.escape(shelter.id)}"] button`)?.focus();
  }
}

openFor("pageKeeper", "shelters:run", async (main, account, code) => {
  window.clearInterval(timer);
  const desk = new KeeperDesk(account, keeperWords(code), shelterWords(code), code === "en");
  main.append(desk.top, desk.list);
  await desk.refresh();
  timer = window.setInterval(() => {
    desk
      .refresh()
      .catch((error: unknown) => say(error instanceof Error ? error.message : String(error), true));
  }, EVERY_MS);
});
