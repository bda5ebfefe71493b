/** The shops' settlements of a month: what is settled, settling the rest, and the statements as CSV and PDF. */
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { type Section, section, table } from "../shared/form/section";
import { type PointsPage, path } from "../shared/points/page";

interface Settlement {
  readonly shop: string;
  readonly received: number;
  readonly refunded: number;
  readonly fees: number;
  readonly payout: number;
  readonly invoiced: number;
}

interface Shop {
  readonly id: string;
  readonly name: string;
  readonly leaving_at: string | null;
  readonly closed_at: string | null;
}

/** The month before today's in Japan, as 2026-07. */
export function lastMonth(now: Date): string {
  const [year = "", month = ""] = now.toLocaleDateString("en-CA", { timeZone: "Asia/Tokyo" }).split("-");
  const before = new Date(Date.UTC(Number(year), Number(month) - 2, 1));
  return before.toISOString().slice(0, 7);
}

export function settlements(page: PointsPage): Section {
  const { account, words } = page;
  let month = lastMonth(new Date());
  return section("settlements", words.settlement, async (redraw) => {
    const [{ shops }, found] = await Promise.all([
      account.api<{ shops: readonly Shop[] }>("GET", path("staff", "shops")),
      account.api<{ settlements: readonly Settlement[] }>("GET", path("staff", "settlements", month)),
    ]);
    const settle = async (shop: string) => {
      await account.api("POST", path("staff", "settlements", shop, month));
    };
    const known = new Map(found.settlements.map((one) => [one.shop, one]));
    const members = shops.filter((shop) => shop.closed_at === null || known.has(shop.id));
    const rows = members.map((shop) => {
      const made = known.get(shop.id);
      if (made !== undefined) return settled(page, shop, month, made, redraw);
      const button = renderButton(words.settle, async () => {
        await settle(shop.id);
        await redraw();
      });
      return [
        shop.name,
        words.notSettled,
        "",
        "",
        "",
        h("div", { class: "row" }, button, ...last(page, shop, redraw)),
      ];
    });
    const all = renderButton(words.settleAll, async () => {
      for (const shop of members) if (!known.has(shop.id)) await settle(shop.id);
      await redraw();
      say(words.done);
    });
    const form = renderForm(
      [{ name: "month", label: words.month, type: "month", value: month, required: true }],
      words.show,
      async ({ month: wanted }) => {
        month = wanted || month;
        await redraw();
      },
    );
    const heads = [
      words.shopName,
      words.received,
      words.fees,
      words.payout,
      words.invoiced,
      words.settlement,
    ];
    return [form, table(words.settlement, heads, rows, words.none), all];
  });
}

/** For a shop that leaves: asks once more, as its account is closed for good. */
function last({ account, words }: PointsPage, shop: Shop, redraw: () => Promise<void>): HTMLElement[] {
  if (shop.leaving_at === null || shop.closed_at !== null) return [];
  const sure = renderButton(words.settleLastSure, async () => {
    await account.api("POST", path("staff", "shops", shop.id, "last-settlement"));
    await redraw();
    say(words.done);
  });
  const first = renderButton(words.settleLast, async () => {
    first.replaceWith(sure);
    sure.focus();
  });
  return [first];
}

function settled(
  page: PointsPage,
  shop: Shop,
  month: string,
  made: Settlement,
  redraw: () => Promise<void>,
): (Node | string)[] {
  const { words } = page;
  const forms = ["csv", "pdf"].map((form) =>
    renderButton(form.toUpperCase(), () => save(page, shop.id, month, form)),
  );
  return [
    shop.name,
    words.points(made.received - made.refunded),
    words.yen(made.fees),
    words.yen(made.payout),
    words.yen(made.invoiced),
    h("div", { class: "row" }, ...forms, ...last(page, shop, redraw)),
  ];
}

async function save({ account }: PointsPage, shop: string, month: string, form: string): Promise<void> {
  const address = path("staff", "settlements", shop, month, `statement.${form}`);
  await account.save(address, `statement-${shop}-${month}.${form}`);
}
