/** The till of a member shop on a phone: take points, show the shop's code, cancel and refund. */
import { Refused } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { attempt, renderForm } from "../shared/form/form";
import { openPointsPage, type PointsPage, path } from "../shared/points/page";
import { drawCode } from "../shared/points/qr";
import { sale } from "./sale";
import { today } from "./today";

interface Shop {
  readonly shop: { readonly name: string };
  readonly code: string;
}

function shopCode({ account, words }: PointsPage): HTMLElement {
  const place = h("div", { class: "stack", id: "shop-qr" });
  const form = renderForm(
    [{ name: "yen", label: words.shopCodeAmount, type: "number" }],
    words.draw,
    async ({ yen }) => {
      const found = await account.api<Shop>(
        "GET",
        `${path("till", "shop")}${yen ? `?yen=${Number(yen)}` : ""}`,
      );
      place.replaceChildren(
        drawCode(found.code, words.shopCode),
        h("p", {}, yen ? words.yen(Number(yen)) : found.shop.name),
        h("details", {}, h("summary", {}, words.codeText), h("pre", { class: "secret" }, found.code)),
      );
    },
  );
  return h(
    "details",
    { class: "card", id: "shop-code" },
    h("summary", {}, words.shopCode),
    h("p", { class: "quiet" }, words.shopCodeHelp),
    form,
    place,
  );
}

openPointsPage("pageTill", "points:till", async (page) => {
  const { account, words, main } = page;
  const { shop } = await account.api<Shop>("GET", path("till", "shop")).catch((error: unknown) => {
    throw error instanceof Refused && error.status === 403 ? new Error(words.noShop) : error;
  });
  const sold = today(page);
  main.append(
    h("p", { id: "shop-name" }, words.shopOf(shop.name)),
    sale(page, () => attempt(sold.redraw)),
    sold.node,
    shopCode(page),
  );
  await sold.redraw();
});
