/** Member shops: taking one in, and registering who works at its till. */
import { h } from "../shared/dom/h";
import { renderForm, say } from "../shared/form/form";
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
    ]);
    const heads = [words.shopName, words.area, words.category, words.fee, words.feePer, words.tills];
    return [
      table(words.shops, heads, rows, words.none),
      h("details", { id: "new-shop" }, h("summary", {}, words.takeIn), takeIn(page, redraw)),
      h(
        "details",
        { id: "new-till" },
        h("summary", {}, words.staffOf),
        h("p", { class: "quiet" }, words.staffNote),
        staffOf(page, found, redraw),
      ),
    ];
  });
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
