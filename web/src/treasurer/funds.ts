/** Campaigns' budgets, and selling points with a bonus. */
import { Refused } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderForm, say } from "../shared/form/form";
import { type Section, section, table } from "../shared/form/section";
import { newId, type PointsPage, path } from "../shared/points/page";

interface Fund {
  readonly id: string;
  readonly title: string;
  readonly left: number;
  readonly put_in: number;
  readonly given: number;
}

/** An id that stays until the city has answered, so that a second press is the same wish. */
function wishes(): { once<T>(send: (id: string) => Promise<T>): Promise<T> } {
  let id = newId();
  return {
    async once(send) {
      try {
        const done = await send(id);
        id = newId();
        return done;
      } catch (error) {
        if (error instanceof Refused && error.status > 0 && error.status < 500) id = newId();
        throw error;
      }
    },
  };
}

export function funds(page: PointsPage): Section {
  const { account, words } = page;
  const wish = wishes();
  return section("funds", words.funds, async (redraw) => {
    const found = await account.api<{ campaigns: readonly Fund[] }>("GET", path("staff", "campaigns"));
    const rows = found.campaigns.map((one) => [
      one.title || one.id,
      words.points(one.put_in),
      words.points(one.given),
      words.points(one.left),
    ]);
    const form = renderForm(
      [
        {
          name: "campaign",
          label: words.campaign,
          options: found.campaigns.map(({ id, title }) => [id, title || id] as const),
        },
        { name: "points", label: words.putIn, type: "number", required: true },
      ],
      words.funds,
      async ({ campaign, points }) => {
        await wish.once((id) =>
          account.api("POST", path("staff", "campaigns", campaign ?? "", "funds"), {
            id,
            points: Number(points),
          }),
        );
        await redraw();
        say(words.done);
      },
    );
    const heads = [words.campaign, words.fundIn, words.fundGiven, words.fundLeft];
    return [table(words.funds, heads, rows, words.none), form, h("h3", {}, words.sell), selling(page)];
  });
}

function selling({ account, words }: PointsPage): HTMLElement {
  const wish = wishes();
  const form = renderForm(
    [
      { name: "resident", label: words.resident, required: true },
      { name: "programme", label: `${words.programme}（${words.id}）`, required: true },
      { name: "points", label: words.bought, type: "number", required: true },
      { name: "bonus", label: words.bonus, type: "number", value: "0", required: true },
      { name: "last", label: words.expiresOn, type: "date", required: true },
    ],
    words.sell,
    async ({ resident, programme, points, bonus, last }) => {
      const end = new Date(new Date(`${last}T00:00:00+09:00`).getTime() + 86_400_000).toISOString();
      const body = { resident, programme, points: Number(points), bonus: Number(bonus), expiresAt: end };
      await wish.once((id) => account.api("POST", path("staff", "sales"), { id, ...body }));
      say(words.done);
    },
  );
  form.classList.add("form--wide");
  return form;
}
