/** Taking a payment: amount, the customer's code, confirm, send until answered, receipt. */
import { Refused } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { newId, type PointsPage, path, timeText } from "../shared/points/page";
import { scanner } from "../shared/points/qr";
import { forget, keep, kept, type Sale, undecided, untilAnswered } from "./pending";

interface Receipt {
  readonly id: string;
  readonly yen: number;
  readonly points: number;
  readonly balance: number;
  readonly earned: readonly { readonly points: number; readonly why: string }[];
  readonly at: string;
}

const CARD = /^\d{24}$/;

/** The sale's section; `sold` is called after each answer, so that the list below is drawn anew. */
export function sale(page: PointsPage, sold: () => Promise<void>): HTMLElement {
  const { words } = page;
  const place = h("div", { class: "stack" });
  const node = h("section", { class: "card sale", id: "sale" }, h("h2", {}, words.sale), place);
  const begin = () => {
    say("");
    place.replaceChildren(entry(page, (made, pin) => confirm(made, pin)));
  };
  const confirm = (made: Sale, pin: string) => {
    const text = words.confirmText(words.points(made.points), words.yen(made.yen - made.points));
    const heading = h("h3", { tabindex: -1 }, words.confirmHeading);
    const go = renderButton(words.confirm, () => send(made, pin));
    go.classList.add("button--main", "button--tall");
    const back = h("button", { class: "button", type: "button" }, words.back);
    back.addEventListener("click", begin);
    place.replaceChildren(
      heading,
      h("p", { class: "balance" }, words.yen(made.yen)),
      h("p", {}, text),
      h("div", { class: "row" }, go, back),
    );
    heading.focus();
  };
  const send = async (made: Sale, pin: string): Promise<void> => {
    keep(made);
    let stop = false;
    const state = h("p", { class: "notice", role: "status" }, words.sending);
    const drop = h("button", { class: "button", type: "button" }, words.drop);
    drop.addEventListener("click", () => {
      stop = true;
      forget();
      begin();
      void sold();
    });
    place.replaceChildren(state);
    try {
      const receipt = await untilAnswered(
        () => charge(page, made, pin),
        (tries) => {
          state.textContent = words.again(tries);
          if (!drop.isConnected) place.append(drop);
        },
        () => stop,
      );
      if (stop) return;
      forget();
      place.replaceChildren(...receiptOf(page, receipt, begin));
    } catch (error) {
      if (stop) return;
      if (error instanceof Refused && error.status !== 401 && !undecided(error)) forget();
      begin();
      throw error;
    } finally {
      await sold();
    }
  };
  const waiting = kept();
  if (waiting === null) begin();
  else place.replaceChildren(unfinished(page, waiting, send, begin));
  return node;
}

function charge({ account }: PointsPage, made: Sale, pin: string): Promise<Receipt> {
  const { code, card, ...rest } = made;
  const shown = card === null ? { code } : { card, pin };
  return account.api<Receipt>("POST", path("till", "purchases"), { ...rest, ...shown });
}

function entry({ words }: PointsPage, made: (sale: Sale, pin: string) => void): HTMLElement {
  const form = renderForm(
    [
      { name: "yen", label: words.total, type: "number", required: true },
      { name: "points", label: words.usePoints, type: "number", value: "0", required: true },
      { name: "code", label: words.customerCode, required: true },
      { name: "pin", label: words.pin, type: "password" },
    ],
    words.check,
    async ({ yen, points, code, pin }) => {
      const shown = (code ?? "").replaceAll(/\s/g, "");
      const isCard = CARD.test(shown);
      if (isCard && !pin) throw new Error(words.pinNeeded);
      made(
        {
          id: newId(),
          yen: Number(yen),
          points: Number(points),
          code: isCard ? null : shown,
          card: isCard ? shown : null,
          tillClock: new Date().toISOString(),
        },
        pin ?? "",
      );
    },
  );
  for (const input of form.querySelectorAll<HTMLInputElement>("input[type=number], input[type=password]")) {
    input.inputMode = "numeric";
  }
  const field = form.elements.namedItem("code") as HTMLInputElement;
  const scan = scanner(words, (text) => {
    field.value = text;
  });
  field.closest("label")?.after(scan);
  return form;
}

function unfinished(
  { words }: PointsPage,
  waiting: Sale,
  send: (sale: Sale, pin: string) => Promise<void>,
  begin: () => void,
): HTMLElement {
  const drop = h("button", { class: "button", type: "button" }, words.drop);
  drop.addEventListener("click", () => {
    forget();
    begin();
  });
  const fields =
    waiting.card === null ? [] : [{ name: "pin", label: words.pin, type: "password", required: true }];
  const form = renderForm(fields, words.resume, ({ pin }) => send(waiting, pin ?? ""));
  form.append(drop);
  return h("div", { class: "stack" }, h("p", { class: "notice" }, words.unfinished), form);
}

function receiptOf({ words, code }: PointsPage, receipt: Receipt, next: () => void): HTMLElement[] {
  const button = h("button", { class: "button button--main button--tall", type: "button" }, words.next);
  button.addEventListener("click", next);
  const heading = h("h3", { tabindex: -1 }, words.receipt);
  requestAnimationFrame(() => heading.focus());
  const earned = receipt.earned.map((one) => h("li", {}, `+${words.points(one.points)} ${one.why}`));
  return [
    h(
      "div",
      { class: "stack", id: "receipt" },
      heading,
      h("p", {}, timeText(receipt.at, code)),
      h("p", { class: "balance" }, words.points(receipt.points)),
      h("p", {}, words.receiptText(words.points(receipt.points), words.yen(receipt.yen - receipt.points))),
      earned.length > 0 ? h("h3", {}, words.earned) : null,
      h("ul", {}, ...earned),
      h("p", {}, words.left(words.points(receipt.balance))),
      h("p", { class: "quiet" }, receipt.id),
    ),
    button,
  ];
}
