/** Bus fares that points did not cover: who owes what, and how it was collected. */
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { type Section, section, table } from "../shared/form/section";
import { type PointsPage, path, timeText } from "../shared/points/page";

interface Fare {
  readonly ride: string;
  readonly resident: string | null;
  readonly yen: number;
  readonly why: string;
  readonly at: string;
  readonly how: string | null;
  readonly note: string;
}

interface Fares {
  readonly owed: { readonly fares: number; readonly yen: number };
  readonly fares: readonly Fare[];
}

export function unpaidFares(page: PointsPage): Section {
  const { account, words, code } = page;
  return section("fares", words.fares, async (redraw) => {
    const [open, ended] = await Promise.all([
      account.api<Fares>("GET", path("staff", "unpaid-fares")),
      account.api<Fares>("GET", `${path("staff", "unpaid-fares")}?ended=true&limit=20`),
    ]);
    const collect = async (ride: string, how: string, note = "") => {
      await account.api("POST", path("staff", "unpaid-fares", ride), { how, note });
      await redraw();
      say(words.done);
    };
    const rows = open.fares.map((fare) => [
      timeText(fare.at, code),
      fare.resident ?? words.unknownRider,
      words.yen(fare.yen),
      fare.why,
      ways(page, fare, collect),
    ]);
    const heads = [words.rodeAt, words.resident, words.fare, words.why, words.collect];
    const past = ended.fares.map((fare) => [
      timeText(fare.at, code),
      fare.resident ?? words.unknownRider,
      words.yen(fare.yen),
      `${words.collected[fare.how ?? ""] ?? ""} ${fare.note}`.trim(),
    ]);
    return [
      h("p", {}, words.faresIntro),
      h("p", { class: "balance" }, words.owed(words.yen(open.owed.yen), open.owed.fares)),
      table(words.fares, heads, rows, words.none),
      h("h3", {}, words.faresEnded),
      table(words.faresEnded, [words.rodeAt, words.resident, words.fare, words.collect], past, words.none),
    ];
  });
}

type Collect = (ride: string, how: string, note?: string) => Promise<void>;

/** What can be done about a fare. One that is being taken in points can only be asked for once more. */
function ways({ words }: PointsPage, { ride, how, resident }: Fare, collect: Collect): HTMLElement {
  const inPoints = renderButton(words.collectPoints, () => collect(ride, "points"));
  if (how === "points") return h("div", { class: "row" }, inPoints);
  const waive = renderForm(
    [{ name: "note", label: words.waiveWhy, required: true }],
    words.waive,
    ({ note }) => collect(ride, "waived", note ?? ""),
  );
  return h(
    "div",
    { class: "stack" },
    h(
      "div",
      { class: "row" },
      renderButton(words.collectCash, () => collect(ride, "cash")),
      ...(resident === null ? [] : [inPoints]),
    ),
    h("details", {}, h("summary", {}, words.waive), waive),
  );
}
