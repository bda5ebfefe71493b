/** The part of a page where a person says how they want to be told of a matter: here, by mail, on their own server. */
import { type Account, request } from "../account/session";
import { h } from "../dom/h";
import { renderButton, renderForm, say } from "../form/form";
import { type Section, section } from "../form/section";
import type { LanguageCode } from "../language/language";
import { pushState, startPush, stopPush } from "./push";
import { type WayWords, wayWords } from "./words";

interface Way {
  readonly id: number;
  readonly channel: string;
  readonly target: string;
  /** Of a browser: by what it knows itself. */
  readonly mark: string;
  readonly matters: readonly string[];
  readonly reachable: boolean;
}

interface Ways {
  readonly key: string;
  readonly ways: readonly Way[];
}

interface Part {
  readonly account: Account;
  readonly matter: string;
  readonly words: WayWords;
  readonly redraw: () => Promise<void>;
}

const ROOT = "/account/ways";

/** One place is told of several matters, and this page is about one of them: the others stay as they are. */
async function leave({ account, matter }: Part, way: Way): Promise<void> {
  await account.change("DELETE", `${ROOT}/${way.id}?${new URLSearchParams({ matter })}`);
}

function withMatter(matter: string, way: Way | undefined): string[] {
  return [...new Set([...(way?.matters ?? []), matter])];
}

function line(part: Part, way: Way): HTMLElement {
  const { account, words, redraw } = part;
  const trial = renderButton(words.trial, async () => {
    await account.post(`${ROOT}/${way.id}/trial`);
    say(words.trialSent);
  });
  const remove = renderButton(words.remove, async () => {
    await leave(part, way);
    await redraw();
    say(words.removed);
  });
  const name = `${words.channels[way.channel] ?? way.channel}: ${way.target}`;
  for (const button of [trial, remove]) button.setAttribute("aria-label", `${button.textContent} ${name}`);
  return h(
    "li",
    { class: "entry" },
    h("p", {}, name),
    way.reachable ? null : h("p", { class: "late" }, words.unreachable),
    h("div", { class: "row" }, trial, remove),
  );
}

type Here = Awaited<ReturnType<typeof pushState>>;

function browser(part: Part, { state, mark }: Here, ways: Ways): HTMLElement {
  const { account, matter, words, redraw } = part;
  if (state === "impossible") return h("p", { class: "quiet" }, words.hereImpossible);
  if (state === "refused") return h("p", { class: "quiet" }, words.hereRefused);
  const own = ways.ways.find((way) => mark !== "" && way.mark === mark);
  if (own?.matters.includes(matter)) {
    const stop = renderButton(words.hereStop, async () => {
      if (own.matters.length === 1) await stopPush();
      await leave(part, own);
      await redraw();
      say(words.removed);
    });
    return h("div", { class: "stack" }, h("p", {}, words.hereOn), h("div", { class: "row" }, stop));
  }
  const start = renderButton(words.here, async () => {
    const on = await startPush(account, ways.key, withMatter(matter, own));
    await redraw();
    say(on ? words.started : words.hereDenied, !on);
  });
  start.classList.add("button--main");
  return h("div", { class: "row" }, start);
}

function webhook({ account, matter, words, redraw }: Part): HTMLElement {
  const made = h("div", { role: "status" });
  const form = renderForm(
    [{ name: "target", label: words.target, type: "url", required: true }],
    words.add,
    async ({ target }) => {
      const { secret } = await account.post<{ secret: string }>(`${ROOT}/webhooks`, {
        target,
        matters: [matter],
      });
      await redraw();
      made.replaceChildren(h("p", {}, words.secret), h("pre", { class: "secret" }, secret));
    },
  );
  return h("details", {}, h("summary", {}, words.webhook), form, made);
}

/** How the person is told of one matter (`broker.delivery.personal.MATTERS`). */
export function waysSection(
  account: Account,
  matter: string,
  code: LanguageCode,
  said: Partial<Pick<WayWords, "title" | "note">> = {},
): Section {
  const words = { ...wayWords(code), ...said };
  const list = h("div", { class: "stack" });
  const part: Part = { account, matter, words, redraw: () => draw() };
  const draw = async (): Promise<void> => {
    const [ways, here] = await Promise.all([request<Ways>("GET", ROOT), pushState()]);
    const mine = ways.ways.filter((way) => way.matters.includes(matter));
    const mail = renderButton(words.mail, async () => {
      const known = ways.ways.find((way) => way.channel === "mail");
      await account.post(`${ROOT}/mail`, { matters: withMatter(matter, known) });
      await draw();
      say(words.started);
    });
    const lines = mine.map((way) => line(part, way));
    list.replaceChildren(
      lines.length > 0 ? h("ul", { class: "entries" }, ...lines) : h("p", {}, words.nowhere),
      browser(part, here, ways),
      ...(mine.some((way) => way.channel === "mail") ? [] : [h("div", { class: "row" }, mail)]),
    );
  };
  const hook = webhook(part);
  return section("ways", words.title, async () => {
    await draw();
    return [h("p", { class: "quiet" }, words.note), list, hook];
  });
}
