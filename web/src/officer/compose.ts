/** Writing a notice: choose, give the reason, look at what goes out and to whom, and only then send it. */
import type { Account } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderButton } from "../shared/form/form";
import { levelName } from "./districts";
import { type Draft, wishOf } from "./draft";
import type { Desk, Order, Preview } from "./types";
import type { OfficerWords } from "./words";

export interface Composing {
  readonly account: Account;
  readonly words: OfficerWords;
  readonly draft: Draft;
  desk(): Desk;
  changed(): void;
  drop(): void;
  sent(order: Order): Promise<void>;
  guard(act: () => Promise<void>): Promise<void>;
}

function choice(
  name: string,
  value: string,
  label: string,
  checked: boolean,
  choose: () => void,
): HTMLElement {
  const input = h("input", { type: "radio", name, value, required: true });
  input.checked = checked;
  input.addEventListener("change", choose);
  return h("label", { class: "choice" }, input, label);
}

function text(label: string, value: string, tall: boolean, change: (value: string) => void): HTMLElement {
  const field = tall
    ? h("textarea", { rows: 3 }, value)
    : h("input", { type: "text", autocomplete: "off", value });
  field.addEventListener("input", () => change(field.value));
  return h("label", {}, h("span", {}, label), field);
}

function chosen(composing: Composing): string {
  const { desk, draft } = composing;
  return desk()
    .districts.filter((one) => draft.districts.includes(one.id))
    .map((one) => one.name)
    .join("、");
}

/** The form; `look` opens the preview. */
export function composer(composing: Composing, look: () => void, redraw: () => void): HTMLElement {
  const { draft, words, desk } = composing;
  const set = <K extends keyof Draft>(name: K, value: Draft[K]) => {
    draft[name] = value;
    composing.changed();
  };
  if (draft.districts.length === 0) return h("p", {}, words.pickFirst);
  const bound = draft.about !== null;
  const kinds = (bound ? [draft.kind] : (["issue", "lift"] as const)).map((kind) =>
    choice("kind", kind, words.kinds[kind], draft.kind === kind, () => {
      set("kind", kind);
      redraw();
    }),
  );
  const levels = [3, 4, 5].map((level) =>
    choice("level", String(level), `${level} ${levelName(desk(), level)}`, draft.level === level, () => {
      draft.levelChosen = true;
      set("level", level);
    }),
  );
  const form = h(
    "form",
    { class: "form compose" },
    h("p", {}, words.composeFor(draft.kind, chosen(composing))),
    h("fieldset", {}, h("legend", {}, words.kind), ...kinds),
    draft.kind === "issue" ? h("fieldset", {}, h("legend", {}, words.level), ...levels) : null,
    text(words.reason, draft.reason, false, (value) => set("reason", value)),
    text(words.note, draft.note, true, (value) => set("note", value)),
    h(
      "div",
      { class: "row" },
      h("button", { class: "button", type: "submit" }, words.look),
      renderButton(words.drop, async () => composing.drop()),
    ),
    h("p", { class: "quiet" }, words.kept),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    look();
  });
  return form;
}

/** What would go out. The revisions are those of the moment in which the officer looks. */
export async function previewing(composing: Composing, back: () => void): Promise<HTMLElement> {
  const { account, draft, words, desk } = composing;
  const revisions = new Map(desk().districts.map((one) => [one.id, one.standing.revision]));
  const wish = wishOf(draft, revisions);
  const shown = await account.api<Preview>("POST", "/api/v1/evacuation/preview", wish);
  const channels = Object.entries(shown.channels).map(([name, count]) =>
    h("li", {}, words.toChannel(name, count)),
  );
  const send = h(
    "button",
    { class: "button button--issue", type: "button" },
    words.doIt(draft.kind, shown.secondPerson),
  );
  send.addEventListener("click", () => {
    send.disabled = true;
    void composing
      .guard(async () => composing.sent(await account.api<Order>("POST", "/api/v1/evacuation/orders", wish)))
      .finally(() => {
        send.disabled = false;
      });
  });
  return h(
    "div",
    { class: "preview", role: "region", "aria-labelledby": "preview-title" },
    h("h3", { id: "preview-title", tabindex: "-1" }, words.previewTitle),
    h("p", { class: "preview__text" }, shown.words.text),
    h(
      "details",
      {},
      h("summary", {}, words.easy),
      h("p", { class: "preview__text", lang: "ja" }, shown.words.easy),
    ),
    h(
      "details",
      {},
      h("summary", {}, words.english),
      h("p", { class: "preview__text", lang: "en" }, shown.words.text_en),
    ),
    h("h4", {}, words.reaches),
    h("p", {}, words.people(shown.households, shown.people, shown.needHelp)),
    h("ul", { class: "facts" }, h("li", {}, shown.web ? words.web : words.noWeb), ...channels),
    h(
      "div",
      { class: "row" },
      send,
      renderButton(words.back, async () => back()),
    ),
  );
}
