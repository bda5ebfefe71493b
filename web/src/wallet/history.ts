/** What came and went, newest first, each line with its reason. */
import { h } from "../shared/dom/h";
import { renderButton } from "../shared/form/form";
import { type PointsPage, path, timeText } from "../shared/points/page";

interface Movement {
  readonly seq: number;
  readonly code: string;
  readonly points: number;
  readonly at: string;
  readonly why: string;
}

const PAGE = 20;

export async function history(page: PointsPage): Promise<HTMLElement> {
  const { account, words } = page;
  const list = h("ul", { class: "history" });
  const place = h("div", { class: "stack" }, list);
  const read = async (before: number | null): Promise<void> => {
    const query = before === null ? "" : `&before=${before}`;
    const found = await account.api<{ movements: readonly Movement[] }>(
      "GET",
      `${path("me", "movements")}?limit=${PAGE}${query}`,
    );
    place.querySelector("button")?.remove();
    list.append(...found.movements.map((one) => line(page, one)));
    if (list.childElementCount === 0) place.replaceChildren(h("p", {}, words.none));
    const last = found.movements.at(-1);
    if (last && found.movements.length === PAGE) place.append(renderButton(words.more, () => read(last.seq)));
  };
  await read(null);
  return h("section", { class: "card", id: "history" }, h("h2", {}, words.history), place);
}

function line({ words, code }: PointsPage, one: Movement): HTMLElement {
  const sign = one.points > 0 ? "+" : "−";
  return h(
    "li",
    {},
    h("span", {}, `${timeText(one.at, code)} ${words.codes[one.code] ?? one.code}`),
    h("span", { class: one.points > 0 ? "plus" : "minus" }, `${sign}${words.points(Math.abs(one.points))}`),
    one.why ? h("span", { class: "quiet" }, one.why) : null,
  );
}
