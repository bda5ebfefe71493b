/** Member shops: taking one in, and registering who works at its till. */
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { type Section, section, table } from "../shared/form/section";
import { type PointsPage, path } from "../shared/points/page";

interface Shop {
  readonly id: string;
  readonly name: string;
  readonly area: string;
  readonly category: string;
  readonly monthly_fee: number;
  readonly fee_per_point: number;
  readonly tills: number;
  readonly leaving_at: string | null;
  readonly closed_at: string | null;
}

export function shops(page: PointsPage): Section {
  const { account, words } = page;
  return section("shops", words.shops, async (redraw) => {
    const found = (await account.api<{ shops: readonly Shop[] }>("GET", path("staff", "shops"))).shops;
    const rows = found.map((shop) => [
      shop.name,
      shop.area,
      shop.category,
      words.yen(shop.monthly_fee),
      words.yen(shop.fee_per_point),
      String(shop.tills),
      membership(page, shop, redraw),
    ]);
    const heads = [
      words.shopName,
      words.area,
      words.category,
      words.fee,
      words.feePer,
      words.tills,
      words.membership,
    ];
    return [
      h("p", { class: "quiet" }, words.letLeaveHelp),
      table(words.shops, heads, rows, words.none),
      h("details", { id: "new-shop" }, h("summary", {}, words.takeIn), takeIn(page, redraw)),
      h(
        "details",
        { id: "new-till" },
        h("summary", {}, words.staffOf),
        h("p", { class: "quiet" }, words.staffNote),
        staffOf(
          page,
          found.filter((shop) => shop.closed_at === null),
          redraw,
        ),
      ),
    ];
  });
}

/** Whether the shop takes points, and the button that ends this, or takes that back. */
function membership({ account, words }: PointsPage, shop: Shop, redraw: () => Promise<void>): Node | string {
  if (shop.closed_at !== null) return words.hasLeft;
  const leaving = shop.leaving_at !== null;
  const button = renderButton(leaving ? words.letStay : words.letLeave, async () => {
    await account.api(leaving ? "DELETE" : "PUT", path("staff", "shops", shop.id, "leaving"));
    await redraw();
    say(words.done);
  });
  return h("div", { class: "row" }, leaving ? words.leaving : words.takes, button);
}

function takeIn({ account, words }: PointsPage, redraw: () => Promise<void>): HTMLElement {
  const form = renderForm(
    [
      { name: "id", label: words.id, required: true },
      { name: "name", label: words.shopName, required: true },
      { name: "area", label: words.area },
      { name: "category", label: words.category },
      {
        name: "purpose",
        label: words.spendOn,
        options: ["retail", "transport"].map((one) => [one, words.purpose[one] ?? one] as const),
      },
      { name: "fee", label: words.fee, type: "number", value: "3000", required: true },
      { name: "per", label: words.feePer, type: "number", value: "1", required: true },
    ],
    words.takeIn,
    async ({ fee, per, ...shop }) => {
      const fees = { monthly_fee: Number(fee), fee_per_point: Number(per) };
      await account.api("POST", path("staff", "shops"), { ...shop, ...fees });
      await redraw();
      say(words.done);
    },
  );
  form.classList.add("form--wide");
  return form;
}

function staffOf(
  { account, words }: PointsPage,
  found: readonly Shop[],
  redraw: () => Promise<void>,
): HTMLElement {
  return renderForm(
    [
      { name: "shop", label: words.shopName, options: found.map(({ id, name }) => [id, name] as const) },
      { name: "login", label: words.staffLogin, type: "email", required: true },
    ],
    words.staffOf,
    async ({ shop, login }) => {
      await account.api("POST", path("staff", "shops", shop ?? "", "tills"), { login, name: login });
      await redraw();
      say(words.done);
    },
  );
}
