/** What the shop took since yesterday, with cancelling a sale and refunding a part of it. */
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { type Section, section } from "../shared/form/section";
import { newId, type PointsPage, path, timeText } from "../shared/points/page";

interface Purchase {
  readonly id: string;
  readonly at: string;
  readonly cash: number;
  readonly payment: string | null;
  readonly points: number;
  readonly refunded: number;
  readonly earned: number;
  readonly taken_back: number;
}

type Redraw = () => Promise<void>;

export function today(page: PointsPage): Section {
  const { account, words } = page;
  return section("today", words.today, async (redraw) => {
    const found = await account.api<{ purchases: readonly Purchase[] }>(
      "GET",
      `${path("till", "purchases")}?hours=48`,
    );
    if (found.purchases.length === 0) return [h("p", {}, words.none)];
    return [h("ul", { class: "history" }, ...found.purchases.map((one) => line(page, one, redraw)))];
  });
}

function line(page: PointsPage, one: Purchase, redraw: Redraw): HTMLElement {
  const { words, code } = page;
  const over = one.points === one.refunded && one.earned === one.taken_back && one.points + one.earned > 0;
  const state = over
    ? words.cancelled
    : one.refunded > 0
      ? words.refundedSome(words.points(one.refunded))
      : "";
  return h(
    "li",
    { "data-purchase": one.id },
    h("span", {}, `${timeText(one.at, code)} ${words.yen(one.cash + one.points)}`),
    h("span", { class: "minus" }, words.points(one.points)),
    h("span", { class: "quiet" }, `${words.cash} ${words.yen(one.cash)} ${state}`),
    over ? null : actions(page, one, redraw),
  );
}

function actions({ account, words }: PointsPage, one: Purchase, redraw: Redraw): HTMLElement {
  const place = h("div", { class: "row" });
  const reset = () => place.replaceChildren(cancel, ...(one.points > one.refunded ? [part] : []));
  const button = (label: string, act: () => void) => {
    const made = h("button", { class: "button", type: "button" }, label);
    made.addEventListener("click", act);
    return made;
  };
  const sure = renderButton(words.cancelSure, async () => {
    const done = await account.api<{ refunded: number; takenBack: number }>(
      "POST",
      path("till", "cancellations"),
      { purchase: one.id },
    );
    await redraw();
    say(words.cancelDone(words.points(done.refunded), words.points(done.takenBack)));
  });
  const cancel = button(words.cancel, () => {
    place.replaceChildren(sure, button(words.keep, reset));
    sure.focus();
  });
  const id = newId();
  const form = renderForm(
    [{ name: "points", label: words.refundPoints, type: "number", required: true }],
    words.refund,
    async ({ points }) => {
      const body = { id, payment: one.payment, points: Number(points) };
      const done = await account.api<{ points: number }>("POST", path("till", "refunds"), body);
      await redraw();
      say(words.refundDone(words.points(done.points)));
    },
  );
  const part = button(words.refund, () => place.replaceChildren(form, button(words.keep, reset)));
  reset();
  return place;
}
