/** Paying by scanning the code that a shop shows (EMVCo merchant-presented). */
import { Refused } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderForm, say } from "../shared/form/form";
import { newId, type PointsPage, path } from "../shared/points/page";
import { scanner } from "../shared/points/qr";
import { readShopCode } from "./emv";

interface Paid {
  readonly shop: string;
  readonly points: number;
}

export function payShop({ account, words }: PointsPage, redraw: () => Promise<void>): HTMLElement {
  let id = newId();
  const form = renderForm(
    [
      { name: "code", label: words.codeField, required: true },
      { name: "points", label: words.usePoints, type: "number", required: true },
    ],
    words.pay,
    async ({ code, points }) => {
      let paid: Paid;
      try {
        paid = await account.api<Paid>("POST", path("me", "payments"), { id, code, points: Number(points) });
      } catch (error) {
        // Without an answer the next press is the same payment, which is carried out once.
        if (error instanceof Refused && error.status > 0 && error.status < 500) id = newId();
        throw error;
      }
      id = newId();
      await redraw();
      say(words.paidTo(paid.shop, words.points(paid.points)));
    },
  );
  const field = (name: string) => form.elements.namedItem(name) as HTMLInputElement;
  const fill = () => {
    const shown = readShopCode(field("code").value);
    if (shown === null) return;
    if (shown.amount !== null) field("points").value = shown.amount;
    say(words.scanned(shown.name));
  };
  field("code").addEventListener("change", fill);
  const scan = scanner(words, (text) => {
    field("code").value = text;
    fill();
  });
  return h("details", { class: "card", id: "shop" }, h("summary", {}, words.scanShop), scan, form);
}
