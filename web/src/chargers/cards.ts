/** The cards that may charge: put on the list, blocked, taken off it. */
import { h } from "../shared/dom/h";
import { attempt, renderForm, say } from "../shared/form/form";
import { type Section, section, table } from "../shared/form/section";
import { renderSure } from "../shared/form/sure";
import type { LanguageCode } from "../shared/language/language";
import { type ChargersPage, chosenFirst, path } from "./page";

export interface Card {
  readonly card: string;
  readonly status: "Accepted" | "Blocked" | "Expired" | "Invalid";
  readonly label: string;
  readonly until: string | null;
}

/** The end of a day in Japan, as the date that a form has; null for none. Pure. */
export const endOfDay = (date: string) => (date === "" ? null : `${date}T23:59:59+09:00`);

/** 2030年3月31日, in Japan. */
function dayText(at: string, code: LanguageCode): string {
  return new Intl.DateTimeFormat(code === "ja" ? "ja-JP" : "en-GB", {
    timeZone: "Asia/Tokyo",
    dateStyle: "long",
  }).format(new Date(at));
}

async function put(page: ChargersPage, card: string, values: Omit<Card, "card">): Promise<void> {
  await page.account.api("PUT", path("cards", card), values);
}

function adding(page: ChargersPage, after: () => Promise<void>): HTMLFormElement {
  const { words } = page;
  const states = [
    ["Accepted", words.cardAccepted],
    ["Blocked", words.cardBlocked],
  ] as const;
  const form = renderForm(
    [
      { name: "card", label: words.card, required: true },
      { name: "label", label: words.cardLabel },
      { name: "until", label: words.cardUntil, type: "date" },
      { name: "status", label: words.state, options: chosenFirst(states, "Accepted") },
    ],
    words.addCard,
    async ({ card = "", label = "", until = "", status }) => {
      await put(page, card, { status: status as Card["status"], label, until: endOfDay(until) });
      await after();
      say(words.saved);
    },
  );
  form.classList.add("form--wide");
  return form;
}

/** The list, which is read when it is asked for: each look at it has its line in the audit trail. */
export function cards(page: ChargersPage): Section {
  const { account, words, code } = page;
  const found = h("div", { class: "stack", id: "cards-found" });
  let sought: string | null = null;
  const look = async () => {
    if (sought === null) return;
    const address = `${path("cards")}?text=${encodeURIComponent(sought)}`;
    const { cards: listed } = await account.api<{ cards: Card[] }>("GET", address);
    const rows = listed.map((one) => {
      const blocked = one.status === "Blocked";
      const change = words[blocked ? "unblock" : "block"];
      const turned = async () => {
        const { label, until } = one;
        await put(page, one.card, { status: blocked ? "Accepted" : "Blocked", label, until });
        await look();
        say(words.saved);
      };
      const off = async () => {
        await account.api("DELETE", path("cards", one.card));
        await look();
        say(words.cardGone);
      };
      return [
        one.card,
        one.label || "–",
        words.cardStates[one.status],
        one.until === null ? "–" : dayText(one.until, code),
        h(
          "div",
          { class: "row" },
          renderSure(change, words.sure(change), words.stop, turned),
          renderSure(words.takeOff, words.sure(words.takeOff), words.stop, off),
        ),
      ];
    });
    const heads = [words.card, words.cardLabel, words.state, words.cardUntil, words.operate];
    found.replaceChildren(table(words.cards, heads, rows, words.noCards));
  };
  const search = renderForm(
    [{ name: "text", label: words.cardSearch }],
    words.showCards,
    async ({ text }) => {
      sought = text ?? "";
      await look();
    },
  );
  search.classList.add("form--wide");
  search.id = "cards-search";
  const add = h("details", { id: "cards-add" }, h("summary", {}, words.newCard), adding(page, look));
  const made = section("cards", words.cards, async () => [
    h("p", { class: "quiet" }, words.cardsHelp),
    search,
    found,
    add,
  ]);
  return { node: made.node, redraw: () => attempt(made.redraw) };
}
