/** Notices that went out or wait, and the record of the night. */
import type { Account } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderButton, renderForm } from "../shared/form/form";
import { time } from "./districts";
import type { Delivery, Desk, Kind, Line, Order } from "./types";
import type { OfficerWords } from "./words";

const PREFIX = "/api/v1/evacuation";
/** So many lines of the record stand on the page; the files have all. */
const SHOWN = 100;
/** For how far back the record can be saved: a long flood is more than a day. */
const DAYS = [1, 3, 7, 30];

export interface Handling {
  readonly account: Account;
  readonly words: OfficerWords;
  /** Begin to correct or withdraw a notice in the districts where it holds. */
  begin(kind: Kind, order: Order, districts: readonly string[]): void;
  refresh(): Promise<void>;
  /** What was asked of a notice's delivery, by its id: it stays while the list is drawn anew. */
  readonly delivered: Map<string, HTMLElement>;
}

/** With an id, by which it gets the focus back when the list is drawn anew. */
function named(id: string, button: HTMLButtonElement): HTMLButtonElement {
  button.id = id;
  return button;
}

/** The districts in which a notice is what holds now. */
function heldBy(order: Order, desk: Desk): readonly string[] {
  return desk.districts.filter((one) => one.standing.order === order.id).map((one) => one.id);
}

function tools(order: Order, desk: Desk, handling: Handling): readonly HTMLElement[] {
  const { account, words } = handling;
  if (!account.may("evacuation:issue")) return [];
  const own = order.askedBy.id === account.session.person?.id;
  const word = (name: string, label: string) =>
    named(
      `${name}-${order.id}`,
      renderButton(label, async () => {
        await account.api("POST", `${PREFIX}/orders/${encodeURIComponent(order.id)}/${name}`, {});
        await handling.refresh();
      }),
    );
  if (order.state === "waiting") {
    return own
      ? [word("refuse", words.refuse)]
      : [word("confirm", words.confirm), word("refuse", words.refuse)];
  }
  const held = heldBy(order, desk);
  if (held.length === 0) return [];
  const begin = (kind: Kind) =>
    named(
      `${kind}-${order.id}`,
      renderButton(words.kinds[kind], async () => handling.begin(kind, order, held)),
    );
  return [begin("correct"), begin("withdraw")];
}

function deliveries(order: Order, handling: Handling): HTMLElement {
  const { account, words, delivered } = handling;
  const known = delivered.get(order.id);
  if (known !== undefined) return known;
  const list = h("p", { role: "status" });
  const ask = renderButton(words.deliveries, async () => {
    const found = await account.api<{ deliveries: Delivery[] }>(
      "GET",
      `${PREFIX}/orders/${encodeURIComponent(order.id)}`,
    );
    const said = found.deliveries.map(
      (one) => `${words.channel(one.channel)} ${words.delivery[one.state] ?? one.state} ${one.count}`,
    );
    list.textContent = said.join("、") || words.noDeliveries;
  });
  const row = h("div", { class: "row" }, named(`deliveries-${order.id}`, ask), list);
  delivered.set(order.id, row);
  return row;
}

/** Who asked, and who confirmed where that was somebody else. */
function people({ askedBy, decidedBy, state }: Order, words: OfficerWords): string {
  if (decidedBy === null || decidedBy.id === askedBy.id) return askedBy.name;
  return words.asked(askedBy.name, decidedBy.name, state === "issued");
}

export function orderList(desk: Desk, handling: Handling): HTMLElement {
  const { words } = handling;
  if (desk.orders.length === 0) return h("p", {}, words.none);
  const names = new Map(desk.districts.map((one) => [one.id, one.name]));
  const rows = desk.orders.map((order) =>
    h(
      "li",
      { class: "order", "data-order": order.id },
      h(
        "p",
        {},
        h("strong", {}, `${words.kinds[order.kind]} ${words.level}${order.level}`),
        ` ${order.districts.map((one) => names.get(one) ?? one).join("、")}`,
        h("span", { class: "tag" }, words.states[order.state]),
        heldBy(order, desk).length > 0 ? h("span", { class: "tag" }, words.holds) : null,
      ),
      h("p", { class: "quiet" }, words.by(people(order, words), time(order.issuedAt ?? order.askedAt))),
      order.state === "waiting" && order.raisedAt !== null
        ? h("p", { class: "gap" }, words.unanswered(order.raised, time(order.raisedAt)))
        : null,
      h("p", {}, order.reason),
      // Who confirms must see what they send.
      order.state === "waiting" && order.words !== null
        ? h("p", { class: "preview__text" }, order.words.text)
        : null,
      h("div", { class: "row" }, ...tools(order, desk, handling)),
      order.state === "issued" ? deliveries(order, handling) : null,
    ),
  );
  return h("ul", { class: "orders" }, ...rows);
}

/** The newest lines of the record. */
export async function recordLines(handling: Handling): Promise<HTMLElement> {
  const { account, words } = handling;
  const { lines } = await account.api<{ lines: Line[] }>("GET", `${PREFIX}/record?limit=${SHOWN}`);
  if (lines.length === 0) return h("p", {}, words.none);
  const rows = lines.map((line) =>
    h(
      "li",
      { class: "line" },
      h("p", { class: "quiet" }, words.by(line.actorName, time(line.cityAt))),
      h("p", { class: "line__text" }, line.text),
    ),
  );
  return h("ul", { class: "lines" }, ...rows);
}

/** The record to carry away, and the hand-over note. Drawn once: somebody may be writing in it. */
export function recordTools(handling: Handling): readonly HTMLElement[] {
  const { account, words } = handling;
  const days = h("select", {}, ...DAYS.map((count) => h("option", { value: count }, words.days(count))));
  const save = (name: string, label: string) =>
    renderButton(label, async () => {
      const headers = { Authorization: `Bearer ${await account.bearer()}` };
      const from = new Date(Date.now() - Number(days.value) * 86_400_000).toISOString();
      const answer = await fetch(`${PREFIX}/${name}?from=${encodeURIComponent(from)}`, { headers });
      if (!answer.ok) throw new Error(String(answer.status));
      const address = URL.createObjectURL(await answer.blob());
      h("a", { href: address, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    });
  const files = h(
    "div",
    { class: "row" },
    h("label", {}, h("span", {}, words.span), days),
    save("record.csv", words.csv),
    save("record.pdf", words.pdf),
    h("a", { href: "review.html" }, words.review),
  );
  if (!account.may("evacuation:issue")) return [files];
  const note = renderForm(
    [{ name: "text", label: words.handover, type: "textarea", required: true }],
    words.addHandover,
    async ({ text }) => {
      await account.api("POST", `${PREFIX}/record`, { kind: "handover", text });
      note.reset();
      await handling.refresh();
    },
  );
  return [files, note];
}
