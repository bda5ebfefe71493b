/** The officers' desk for evacuation notices: see, decide, issue, correct, lift, and the record that writes itself. */
import { openDesk } from "../shared/account/desk";
import { type Account, loginAddress, Refused } from "../shared/account/session";
import type { Words } from "../shared/account/words";
import { byId, h, setText } from "../shared/dom/h";
import { say } from "../shared/form/form";
import type { LanguageCode } from "../shared/language/language";
import type { Border } from "../shared/map/borders";
import { fetchStill } from "../shared/still/still";
import { AreaMap } from "./areamap";
import { type Composing, composer, previewing } from "./compose";
import { districtList, time } from "./districts";
import { type Draft, dropDraft, emptyDraft, keepDraft, loadDraft, proposedFor } from "./draft";
import { loader } from "./loading";
import { orderList, recordLines, recordTools } from "./orders";
import type { Desk, Order } from "./types";
import { type OfficerWords, officerWords } from "./words";

const EVERY_MS = 5_000;
let timer = 0;

/** What is drawn of a desk: all but its clock, which has a line of its own. */
const same = (desk: Desk) => JSON.stringify({ ...desk, now: "" });

class OfficerDesk {
  private readonly person: string;
  private readonly draft: Draft;
  private readonly top = h("div", {});
  private readonly clock = h("p", { class: "quiet" });
  private readonly list = h("div", {});
  private readonly writing = h("div", {});
  private readonly sent = h("div", {});
  private readonly lines = h("div", {});
  private readonly still = h("figure", { class: "still", tabindex: -1, hidden: true });
  private readonly map: AreaMap;
  private readonly delivered = new Map<string, HTMLElement>();
  private desk: Desk | null = null;

  constructor(
    private readonly account: Account,
    private readonly words: OfficerWords,
    code: LanguageCode,
  ) {
    this.map = new AreaMap(words, code);
    this.person = account.session.person?.id ?? "";
    this.draft = loadDraft(this.person);
  }

  nodes(): readonly Node[] {
    const { words } = this;
    const card = (id: string, title: string, body: Node) =>
      h("section", { class: "card", id }, h("h2", {}, title), body);
    const map = card("map", words.map, h("div", { class: "card__body" }, this.map.picture, this.map.note));
    const list = h("div", { class: "card__body" }, this.still, this.list, ...this.loading());
    const districts = card("districts", words.districts, list);
    // On a phone what is proposed comes first: the map would push it out of sight.
    const narrow = window.matchMedia("(max-width: 40rem)").matches;
    return [
      this.top,
      ...(narrow ? [districts, map] : [map, districts]),
      ...(this.account.may("evacuation:issue") ? [card("compose", words.compose, this.writing)] : []),
      card("orders", words.orders, this.sent),
      card(
        "record",
        words.record,
        h("div", { class: "card__body" }, ...recordTools(this.handling()), this.lines),
      ),
    ];
  }

  /** The picture stays while the list below is drawn anew. */
  private async look(camera: string, district: string): Promise<void> {
    const headers = { Authorization: `Bearer ${await this.account.bearer()}` };
    const title = (taken: string | null) => this.words.still(camera, district, time(taken));
    const still = await fetchStill(camera, title, headers);
    if (still === null) throw new Error(this.words.noStill(camera));
    this.still.replaceChildren(...still);
    this.still.hidden = false;
    this.still.focus();
  }

  private loading(): readonly Node[] {
    if (!this.account.may("evacuation:manage")) return [];
    const { account, words } = this;
    const loaded = async () => {
      this.map.forget();
      await this.refresh();
    };
    const look = (borders: readonly Border[]) =>
      borders.length > 0 ? this.map.preview(borders) : Promise.resolve();
    return [
      h("p", {}, h("a", { href: "shelter.html" }, words.shelterDesk)),
      loader({ account, words, what: "districts", look, loaded }),
      loader({ account, words, what: "shelters", look, loaded }),
    ];
  }

  /** Reads everything anew. The form is left alone: somebody may be writing in it. */
  async refresh(): Promise<void> {
    const before = this.desk;
    const desk = await this.account.api<Desk>("GET", "/api/v1/evacuation/desk");
    this.desk = desk;
    setText(this.clock, this.words.now(time(desk.now)));
    if (before === null || same(before) !== same(desk)) this.drawDesk(desk);
    const lines = await recordLines(this.handling());
    if (lines.textContent !== this.lines.textContent) this.lines.replaceChildren(lines);
    if (before === null) this.write();
  }

  /** `refresh`, saying what went wrong; an expired session keeps the draft and offers to log in again. */
  async guard(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      const ended = error instanceof Refused && (error.status === 401 || error.status === 403);
      if (ended && !(await this.stillIn())) {
        say(this.words.expired, true);
        byId("said", HTMLElement).append(" ", h("a", { href: loginAddress() }, this.words.loginAgain));
        window.clearInterval(timer);
        return;
      }
      say(this.words.refused(error instanceof Error ? error.message : String(error)), true);
      if (error instanceof Refused && error.status === 409) await this.refresh();
    }
  }

  private async stillIn(): Promise<boolean> {
    const answer = await fetch("/account/session").catch(() => null);
    const session: unknown = answer?.ok ? await answer.json() : null;
    return typeof session === "object" && session !== null && "person" in session && session.person !== null;
  }

  private drawDesk(desk: Desk): void {
    const { words } = this;
    const focused = document.activeElement?.id ?? "";
    this.top.replaceChildren(
      desk.mode === "actual"
        ? ""
        : h("p", { class: "drill" }, desk.mode === "test" ? words.test : words.drill),
      this.clock,
    );
    const list = districtList(desk, words, {
      picked: new Set(this.draft.districts),
      may: this.account.may("evacuation:issue"),
      toggle: (district, on) => {
        const others = this.draft.districts.filter((one) => one !== district);
        if (this.draft.about !== null) Object.assign(this.draft, { about: null, kind: "issue" });
        this.draft.districts = on ? [...others, district] : others;
        if (!this.draft.levelChosen) this.draft.level = proposedFor(desk, this.draft.districts);
        this.keep();
        this.write();
      },
      look: (camera, district) => this.look(camera, district),
      answer: async (district) => {
        await this.account.api("POST", "/api/v1/evacuation/answers", { districts: [district] });
        await this.refresh();
      },
    });
    this.list.replaceChildren(list);
    this.sent.replaceChildren(orderList(desk, this.handling()));
    void this.map.show(desk);
    if (focused !== "") document.getElementById(focused)?.focus();
  }

  private handling() {
    return {
      account: this.account,
      words: this.words,
      refresh: () => this.refresh(),
      delivered: this.delivered,
      begin: (kind: Draft["kind"], order: Order, districts: readonly string[]) => {
        // A correction says again what it does not change.
        const note = kind === "correct" ? order.note : "";
        Object.assign(this.draft, {
          ...emptyDraft(),
          kind,
          note,
          about: order.id,
          districts: [...districts],
        });
        this.keep();
        this.write();
        this.redrawDesk();
        this.writing.querySelector("input[type=text]")?.scrollIntoView({ block: "center" });
        this.writing.querySelector<HTMLInputElement>("input[type=text]")?.focus();
      },
    };
  }

  private redrawDesk(): void {
    if (this.desk !== null) this.drawDesk(this.desk);
  }

  private keep(): void {
    keepDraft(this.person, this.draft);
  }

  private composing(): Composing {
    return {
      account: this.account,
      words: this.words,
      draft: this.draft,
      desk: () => {
        if (this.desk === null) throw new Error("the desk has not been read yet");
        return this.desk;
      },
      changed: () => this.keep(),
      drop: () => this.reset(),
      guard: (act) => this.guard(act),
      sent: async (order) => {
        this.reset();
        say(order.state === "waiting" ? this.words.waiting : this.words.done(order.kind));
        await this.refresh();
      },
    };
  }

  private reset(): void {
    Object.assign(this.draft, emptyDraft());
    dropDraft(this.person);
    this.write();
    this.redrawDesk();
  }

  private write(): void {
    const look = () =>
      void this.guard(async () => {
        await this.refresh();
        this.writing.replaceChildren(await previewing(this.composing(), () => this.write()));
        this.writing.querySelector<HTMLElement>("#preview-title")?.focus();
      });
    const focused = document.activeElement;
    const [name, value] =
      focused instanceof HTMLInputElement && this.writing.contains(focused)
        ? [focused.name, focused.value]
        : ["", ""];
    this.writing.replaceChildren(composer(this.composing(), look, () => this.write()));
    // Who chooses by keyboard stays where they were in the form that is drawn anew.
    if (name === "") return;
    this.writing.querySelector<HTMLElement>(`[name="${name}"][value="${CSS.escape(value)}"]`)?.focus();
  }
}

openDesk("pageOfficer", async (main, account, words: Words) => {
  if (account.session.person === null || account.session.secondFactorDue) {
    location.assign(loginAddress());
    return;
  }
  if (!account.may("evacuation:read")) {
    main.append(h("p", { class: "card" }, words.noRole));
    return;
  }
  window.clearInterval(timer);
  const code = document.documentElement.lang === "en" ? "en" : "ja";
  const desk = new OfficerDesk(account, officerWords(code), code);
  main.append(...desk.nodes());
  await desk.guard(() => desk.refresh());
  timer = window.setInterval(() => void desk.guard(() => desk.refresh()), EVERY_MS);
});
