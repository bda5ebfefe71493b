/** The list of gauges, the most dangerous first, in groups by stage; the way to everything for those without the map. */
import type { Gauge } from "../shared/api/types";
import { byId, h, setText } from "../shared/dom/h";
import type { Dictionary } from "../shared/language/dictionary";
import { stageMark } from "../shared/stage/mark";
import { filterGauges, groupByStage, type StageGroup } from "../shared/stage/stage";
import { levelText, marginText, qualityText, trendText } from "../shared/stage/words";
import type { CityClock } from "../shared/time/clock";
import { ageText } from "../shared/time/format";
import { hashOfGauge } from "./route";
import type { State, Store } from "./state";

const foreign = (words: Dictionary) => (words.code === "ja" ? null : "ja");

function rowContent(gauge: Gauge, words: Dictionary, age: string): Node[] {
  const quality = qualityText(gauge, words);
  const trend = trendText(gauge, words);
  return [
    stageMark(gauge.stage, words),
    h(
      "span",
      { class: "row__head" },
      h(
        "span",
        { class: "row__names" },
        h("span", { class: "row__name", lang: foreign(words) }, gauge.name),
        h("span", { class: "row__river", lang: foreign(words) }, gauge.river),
      ),
      h(
        "span",
        { class: "row__level" },
        h("span", { class: "row__metres" }, levelText(gauge, words)),
        trend === "" ? null : h("span", { class: `row__trend row__trend--${gauge.trend}` }, trend),
      ),
    ),
    h(
      "span",
      { class: "row__foot" },
      h("span", { class: "row__margin" }, marginText(gauge, words)),
      quality === "" ? null : h("span", { class: `tag tag--${gauge.quality}` }, quality),
      h("span", { class: "row__age" }, age),
    ),
  ];
}

/** Keeps one row per gauge, so that focus and reading position survive every update. */
class Rows {
  private readonly rows = new Map<string, { item: HTMLLIElement; link: HTMLAnchorElement; drawn: string }>();

  item(gauge: Gauge, words: Dictionary, age: string): HTMLLIElement {
    let row = this.rows.get(gauge.id);
    if (row === undefined) {
      const link = h("a", { class: "row", href: hashOfGauge(gauge.id), "data-gauge": gauge.id });
      row = { item: h("li", {}, link), link, drawn: "" };
      this.rows.set(gauge.id, row);
    }
    const key = JSON.stringify([words.code, gauge, age]);
    if (key !== row.drawn) {
      row.drawn = key;
      row.link.dataset.stage = gauge.stage;
      row.link.replaceChildren(...rowContent(gauge, words, age));
    }
    return row.item;
  }

  focus(id: string): void {
    this.rows.get(id)?.link.focus();
  }
}

/** Makes `parent`'s children be `wanted`, moving only what is out of place. */
function arrange(parent: Element, wanted: readonly Element[]): void {
  for (const [index, child] of wanted.entries()) {
    const there = parent.children[index];
    if (there !== child) parent.insertBefore(child, there ?? null);
  }
  while (parent.children.length > wanted.length) parent.lastElementChild?.remove();
}

interface GroupView {
  readonly root: HTMLElement;
  readonly heading: HTMLElement;
  readonly count: HTMLElement;
  readonly note: HTMLElement;
  readonly list: HTMLElement;
}

function createGroup(stage: string): GroupView {
  const heading = h("span", {});
  const count = h("span", { class: "group__count" });
  const note = h("p", { class: "group__note" });
  const list = h("ol", { class: "group__list" });
  const head = h("h3", { class: `group__head group__head--${stage}` }, heading, count);
  return {
    root: h("div", { class: "group", "data-stage": stage }, head, note, list),
    heading,
    count,
    note,
    list,
  };
}

export interface ListView {
  render(state: State): void;
  /** Back from a gauge's details to its row. */
  focus(id: string): void;
}

export function createList(store: Store, clock: CityClock): ListView {
  const root = byId("list", HTMLElement);
  const heading = h("h2", { id: "list-heading", class: "panel__heading", tabindex: -1 });
  const order = h("p", { class: "panel__order" });
  const label = h("label", { class: "search__label", for: "search" });
  const input = h("input", { class: "search__input", id: "search", type: "search", autocomplete: "off" });
  const found = h("p", { class: "search__found", role: "status" });
  const body = h("div", {});
  root.append(heading, order, h("div", { class: "search" }, label, input), found, body);
  input.addEventListener("input", () => store.set({ query: input.value }));
  const rows = new Rows();
  const groups = new Map<string, GroupView>();

  const group = ({ stage, gauges }: StageGroup, words: Dictionary): HTMLElement => {
    const view = groups.get(stage) ?? createGroup(stage);
    groups.set(stage, view);
    setText(view.heading, words.stage[stage]);
    setText(view.count, words.gaugeCount(gauges.length));
    setText(view.note, words.stageNote[stage]);
    view.note.hidden = words.stageNote[stage] === "";
    const age = (gauge: Gauge) => ageText(clock.minutesSince(gauge.observedAt), words);
    arrange(
      view.list,
      gauges.map((gauge) => rows.item(gauge, words, age(gauge))),
    );
    return view.root;
  };

  return {
    focus: (id) => rows.focus(id),
    render({ words, gauges, query, selected }) {
      root.hidden = selected !== null;
      setText(heading, words.listHeading);
      setText(order, words.listOrder);
      setText(label, words.search);
      if (gauges === null) return;
      const focused = document.activeElement;
      const matching = filterGauges(gauges, query);
      arrange(
        body,
        groupByStage(matching).map((one) => group(one, words)),
      );
      const asked = query.trim() !== "";
      setText(found, !asked ? "" : matching.length === 0 ? words.noneFound : words.found(matching.length));
      // A row that moved to another group has left the page for a moment, and the focus with it.
      if (focused instanceof HTMLElement && focused !== document.activeElement && body.contains(focused))
        focused.focus();
    },
  };
}
