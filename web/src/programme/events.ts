/** Events to check in at, with the code to print; grants and attendance given at the counter. */
import { h } from "../shared/dom/h";
import { renderForm, say } from "../shared/form/form";
import { type Section, section, table } from "../shared/form/section";
import { newId, type PointsPage, path, timeText } from "../shared/points/page";
import { drawCode } from "../shared/points/qr";

interface Event {
  readonly id: string;
  readonly event: string;
  readonly title: string;
  readonly starts_at: string;
  readonly ends_at: string;
  readonly people: number;
}

export function events(page: PointsPage): Section {
  const { account, words, code } = page;
  const shown = h("div", { class: "stack", id: "checkin-code" });
  return section("checkins", words.checkins, async (redraw) => {
    const found = await account.api<{ checkins: readonly Event[] }>("GET", path("staff", "checkins"));
    const rows = found.checkins.map((one) => [
      one.title,
      one.event,
      `${timeText(one.starts_at, code)}〜${timeText(one.ends_at, code)}`,
      String(one.people),
    ]);
    const form = renderForm(
      [
        { name: "id", label: words.id, required: true },
        { name: "title", label: words.title, required: true },
        { name: "event", label: words.ruleEvent, required: true },
        { name: "from", label: words.from, type: "datetime-local", required: true },
        { name: "to", label: words.to, type: "datetime-local", required: true },
      ],
      words.make,
      async ({ id, title, event, from, to }) => {
        const body = { id, title, event, startsAt: `${from}:00+09:00`, endsAt: `${to}:00+09:00` };
        const made = await account.api<{ code: string }>("POST", path("staff", "checkins"), body);
        const address = `${location.origin}/points.html?checkin=${made.code}`;
        await redraw();
        shown.replaceChildren(
          h("p", {}, words.checkinCode),
          h("p", {}, title ?? ""),
          drawCode(address, words.checkinCode),
          h("pre", { class: "secret" }, address),
        );
      },
    );
    form.classList.add("form--wide");
    const heads = [words.title, words.rule, words.period, words.people];
    return [
      h("p", { class: "quiet" }, words.checkinHelp),
      table(words.checkins, heads, rows, words.none),
      h("details", {}, h("summary", {}, words.make), form),
      shown,
    ];
  });
}

/** A fixed grant (with the proof that was seen) or attendance, for a resident at the counter. */
export function claims({ account, words }: PointsPage): HTMLElement {
  const form = renderForm(
    [
      { name: "resident", label: words.resident, required: true },
      { name: "campaign", label: `${words.campaign}（${words.id}）` },
      { name: "proof", label: words.proof },
      { name: "event", label: words.ruleEvent },
    ],
    words.claimGive,
    async ({ resident, campaign, proof, event }) => {
      const id = newId();
      const done = await account.api<{ earned: readonly { points: number }[] }>(
        "POST",
        path("staff", "claims"),
        {
          id,
          resident,
          campaign: campaign || null,
          proof: proof || null,
          event: event || null,
          eventId: event ? id : null,
        },
      );
      const points = done.earned.reduce((sum, one) => sum + one.points, 0);
      say(points > 0 ? words.claimDone(words.points(points)) : words.claimNone, points === 0);
    },
  );
  form.classList.add("form--wide");
  return form;
}
