/** Notices that went out or wait, and the record of the night. */
import type { Account } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderButton, renderForm } from "../shared/form/form";
import { time } from "./districts";
import type { Delivery, Desk, Kind, Line, Order } from "./types";
import type { OfficerWords } from "./words";

const PREFIX = "/api/v1/evacuation";

export interface Handling {
  readonly account: Account;
  readonly words: OfficerWords;
  /** Begin to correct or withdraw a notice in the districts where it holds. */
  begin(kind: Kind, order: Order, districts: readonly string[]): void;
  refresh(): Promise<void>;
}

/** With an id, by which it gets the focus back when the list is drawn anew. */
function named(id: string, button: HTMLButtonElement): HTMLButtonElement {
  button.id = id;
  return button;
}

function tools(order: Order, desk: Desk, handling: Handling): readonly HTMLElement[] {
  const { account, words } = handling;
  if (!account.may("evacuation:issue")) return [];
  const own = order.askedBy.id === account.session.person?.id;
  const word = (name: string, label: string) =>
    renderButton(label, async () => {
      await account.api("POST", `${PREFIX}/orders/${encodeURIComponent(order.id)}/${name}`, {});
      await handling.refresh();
    });
  if (order.state === "waiting") {
    return own
      ? [word("refuse", words.refuse)]
      : [word("confirm", words.confirm), word("refuse", words.refuse)];
  }
  const held = desk.districts.filter((one) => one.standing.order === order.id).map((one) => one.id);
  if (held.length === 0) return [];
  const begin = (kind: Kind) =>
    named(
      `${kind}-${order.id}`,
      renderButton(words.kinds[kind], async () => handling.begin(kind, order, held)),
    );
  return [begin("correct"), begin("withdraw")];
}

function deliveries(order: Order, handling: Handling): HTMLElement {
  const { account, words } = handling;
  const list = h("p", { role: "status" });
  const button = renderButton(words.deliveries, async () => {
    const found = await account.api<{ deliveries: Delivery[] }>(
      "GET",
      `${PREFIX}/orders/${encodeURIComponent(order.id)}`,
    );
    const said = found.deliveries.map(
      (one) => `${words.channel(one.channel)} ${words.delivery[one.state] ?? one.state} ${one.count}`,
    );
    list.textContent = said.join("、") || words.noDeliveries;
  });
  return h("div", { class: "row" }, button, list);
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
      ),
      h(
        "p",
        { class: "quiet" },
        words.by((order.decidedBy ?? order.askedBy).name, time(order.issuedAt ?? order.askedAt)),
      ),
      h("p", {}, order.reason),
      h("div", { class: "row" }, ...tools(order, desk, handling)),
      order.state === "issued" ? deliveries(order, handling) : null,
    ),
  );
  return h("ul", { class: "orders" }, ...rows);
}

/** The newest lines of the record. */
export async function recordLines(handling: Handling): Promise<HTMLElement> {
  const { account, words } = handling;
  const { lines } = await account.api<{ lines: Line[] }>("GET", `${PREFIX}/record`);
  if (lines.length === 0) return h("p", {}, words.none);
  const rows = lines
    .slice(0, 100)
    .map((line) =>
      h(
        "li",
        { class: "line" },
        h("p", { class: "quiet" }, words.by(line.actorName, time(line.cityAt))),
        h("p", {}, line.text),
      ),
    );
  return h("ul", { class: "lines" }, ...rows);
}

/** The record to carry away, and the hand-over note. Drawn once: somebody may be writing in it. */
export function recordTools(handling: Handling): readonly HTMLElement[] {
  const { account, words } = handling;
  const save = (name: string, label: string) =>
    renderButton(label, async () => {
      const headers = { Authorization: `Bearer ${await account.bearer()}` };
      const answer = await fetch(`${PREFIX}/${name}`, { headers });
      if (!answer.ok) throw new Error(String(answer.status));
      const address = URL.createObjectURL(await answer.blob());
      h("a", { href: address, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    });
  const files = h(
    "div",
    { class: "row" },
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
