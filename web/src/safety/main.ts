/** 安否: say how I am, and see how those are who let me know. */
import { openDesk } from "../shared/account/desk";
import { type Account, loginAddress, request } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderButton, say } from "../shared/form/form";
import type { LanguageCode } from "../shared/language/language";
import { type Shelter, sheltersOf } from "../shared/shelter/shelter";
import { waysSection } from "../shared/ways/ways";
import { type SafetyWords, STATES, type State, safetyWords } from "./words";

interface Report {
  readonly state: State;
  readonly shelterId: string | null;
  readonly note: string;
  readonly reportedAt: string;
  readonly consent: string | null;
}

interface Answer {
  readonly mine: Report | null;
  readonly others: readonly (Report & { readonly person: string; readonly name: string })[];
}

interface Page {
  readonly account: Account;
  readonly words: SafetyWords;
  readonly shelters: readonly Shelter[];
  readonly redraw: () => Promise<void>;
}

const PATH = "/account/safety";

function send(account: Account, method: string, body?: unknown): Promise<unknown> {
  return request(method, PATH, body, { "X-CSRF-Token": account.session.csrf ?? "" });
}

function time(text: string): string {
  return new Date(text).toLocaleString("ja-JP", {
    timeZone: "Asia/Tokyo",
    month: "numeric",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  });
}

function said(report: Report, { words, shelters }: Page): string {
  const place = shelters.find(({ id }) => id === report.shelterId)?.name ?? "";
  return [words.states[report.state], place, report.note, time(report.reportedAt)]
    .filter((text) => text !== "")
    .join("、");
}

function ownCard(mine: Report | null, page: Page): HTMLElement {
  const { words, account, redraw } = page;
  if (mine === null) return h("p", {}, words.nothing);
  return h(
    "div",
    { class: "form" },
    h("p", { id: "own" }, `${words.mine}: ${said(mine, page)}`),
    h("p", { class: "quiet" }, mine.consent === null ? words.cityNot : words.cityReads),
    renderButton(words.takeBack, async () => {
      await send(account, "DELETE");
      await redraw();
      say(words.takenBack);
    }),
  );
}

function choice(state: State, words: SafetyWords): HTMLElement {
  const box = h("input", { type: "radio", name: "state", value: state, required: true });
  return h("label", { class: "choice" }, box, words.states[state]);
}

function sayForm(page: Page): HTMLFormElement {
  const { words, shelters, account, redraw } = page;
  const places = shelters
    .filter(({ state }) => state !== "closed")
    .map(({ id, name }) => h("option", { value: id }, name));
  const submit = h("button", { class: "button", type: "submit" }, words.send);
  const form = h(
    "form",
    { class: "form" },
    h("fieldset", {}, h("legend", {}, words.how), ...STATES.map((state) => choice(state, words))),
    h(
      "label",
      {},
      h("span", {}, words.where),
      h("select", { name: "shelter" }, h("option", { value: "" }, words.elsewhere), ...places),
    ),
    h(
      "label",
      {},
      h("span", {}, words.note),
      h("input", { name: "note", maxlength: 200, autocomplete: "off" }),
    ),
    h("label", { class: "choice" }, h("input", { type: "checkbox", name: "tellCity" }), words.tellCity),
    submit,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = new FormData(form);
    const body = {
      state: values.get("state"),
      shelter: values.get("shelter"),
      note: values.get("note"),
      tellCity: values.get("tellCity") !== null,
    };
    submit.disabled = true;
    void send(account, "PUT", body)
      .then(redraw)
      .then(() => say(words.sent))
      .catch((error: unknown) =>
        say(words.failed(error instanceof Error ? error.message : String(error)), true),
      )
      .finally(() => {
        submit.disabled = false;
      });
  });
  return form;
}

function familyCard(answer: Answer, page: Page): HTMLElement {
  const { words, account } = page;
  const ask = new URL("person.html", location.href);
  ask.search = new URLSearchParams({
    ask: account.session.person?.id ?? "",
    data: "safety",
    purpose: "safety-check",
  }).toString();
  return h(
    "div",
    { class: "form" },
    answer.others.length === 0
      ? h("p", {}, words.nobody)
      : h(
          "ul",
          { class: "facts" },
          ...answer.others.map((one) =>
            h("li", { "data-person": one.person }, `${one.name}: ${said(one, page)}`),
          ),
        ),
    h(
      "label",
      {},
      h("span", {}, words.askFamily),
      h("input", { type: "text", readonly: true, value: ask.href }),
    ),
  );
}

async function draw(main: HTMLElement, account: Account, code: LanguageCode): Promise<void> {
  const words = safetyWords(code);
  const [answer, shelters] = await Promise.all([
    request<Answer>("GET", PATH),
    request<unknown>("GET", "/api/v1/evacuation/shelters").then(sheltersOf, () => []),
  ]);
  const page: Page = { account, words, shelters, redraw: () => draw(main, account, code) };
  const card = (title: string, ...body: Node[]) =>
    h("section", { class: "card" }, h("h2", {}, title), ...body);
  const ways = waysSection(account, "evacuation", code, { title: words.waysTitle, note: words.waysNote });
  await ways.redraw();
  main.replaceChildren(
    h("p", { class: "urgent" }, words.urgent),
    card(words.mineTitle, ownCard(answer.mine, page), sayForm(page)),
    card(words.familyTitle, familyCard(answer, page)),
    ways.node,
  );
}

openDesk("pageSafety", async (main, account) => {
  if (account.session.person === null) {
    location.assign(loginAddress());
    return;
  }
  await draw(main, account, document.documentElement.lang === "en" ? "en" : "ja");
});
