/** What is known about me: consents, disclosures, emergency access, export, deletion, and the same for my children. */
import { openDesk } from "../shared/account/desk";
import { type Account, loginAddress, request } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { askCard } from "./ask";
import { boxes, card, entries, entry, Names, type Vocabulary } from "./parts";
import { type PersonWords, personWords } from "./words";

interface Consent {
  readonly id: string;
  readonly recipient: string;
  readonly category: string;
  readonly purpose: string;
  readonly until: string;
  readonly withdrawn_at: string | null;
}

interface Emergency {
  readonly officer: string;
  readonly categories: readonly string[];
  readonly reason: string;
  readonly since: string;
  readonly until: string;
  readonly ended_at: string | null;
  readonly outcome: "justified" | "not-justified" | null;
  readonly review: string;
  readonly disclosures: number;
}

interface Deletion {
  readonly categories: readonly string[];
  readonly asked_at: string;
  readonly decision: "erase" | "keep" | null;
  readonly explanation: string;
  readonly erased: readonly { readonly kept: number; readonly why: string }[];
}

interface Guardian {
  readonly id: string;
  readonly guardian_name: string;
  readonly relation: string;
  readonly until: string;
  readonly ended_at: string | null;
}

interface Overview {
  readonly person: { readonly id: string; readonly name: string };
  readonly me: string;
  readonly children: readonly { readonly id: string; readonly name: string }[];
  readonly guardians: readonly Guardian[];
  readonly consents: readonly Consent[];
  readonly emergencies: readonly Emergency[];
  readonly deletions: readonly Deletion[];
  readonly records: readonly { readonly service: string; readonly reference: string }[];
  readonly names: Readonly<Record<string, string>>;
}

interface Disclosed {
  readonly disclosures: readonly {
    readonly at: string;
    readonly recipient: string;
    readonly by: string;
    readonly category: string;
    readonly purpose: string;
    readonly reference: string;
    readonly allowed: boolean;
    readonly ground: string | null;
  }[];
  readonly names: Readonly<Record<string, string>>;
  readonly next: number | null;
}

/** One person's page: what it shows, in which words, and how it is drawn again after a change. */
interface Page {
  readonly account: Account;
  readonly shown: Overview;
  readonly words: PersonWords;
  readonly names: Names;
  readonly redraw: () => Promise<void>;
}

const ROOT = "/account/personal";

function consents({ account, shown, words, names, redraw }: Page): HTMLElement {
  const line = (one: Consent, how: string, actions: readonly Node[] = []) =>
    entry(
      shown.names[one.recipient] ?? one.recipient,
      [`${names.category(one.category)} — ${names.purpose(one.purpose)}`, how],
      actions,
    );
  const standing = shown.consents.filter((one) => !one.withdrawn_at && new Date(one.until) > new Date());
  const ended = shown.consents.filter((one) => !standing.includes(one));
  const withdraw = (one: Consent) =>
    renderButton(words.withdraw, async () => {
      await account.post(`${ROOT}/consents/${encodeURIComponent(one.id)}/withdrawal`);
      await redraw();
      say(words.withdrawn);
    });
  const lines = standing.map((one) => line(one, words.untilTime(names.time(one.until)), [withdraw(one)]));
  const old = ended.map((one) =>
    line(
      one,
      one.withdrawn_at
        ? words.withdrawnAt(names.time(one.withdrawn_at))
        : words.ranOut(names.time(one.until)),
    ),
  );
  const rest =
    old.length > 0
      ? [h("details", {}, h("summary", {}, words.endedConsents(old.length)), entries(old, ""))]
      : [];
  return card("consents", words.consents, entries(lines, words.noConsents), ...rest);
}

function disclosures({ shown, words, names }: Page): HTMLElement {
  const list = h("div", {});
  const read = async (before: number | null): Promise<void> => {
    const query = new URLSearchParams({ person: shown.person.id, limit: "20" });
    if (before !== null) query.set("before", String(before));
    const found = await request<Disclosed>("GET", `${ROOT}/disclosures?${query}`);
    const lines = found.disclosures.map((one) => {
      const who = found.names[one.recipient] ?? one.recipient;
      const officer = one.by && one.by !== one.recipient ? `（${found.names[one.by] ?? one.by}）` : "";
      const why = one.allowed
        ? `${words.given}: ${words.ground[one.ground ?? ""] ?? one.ground}`
        : words.refused;
      return entry(`${names.time(one.at)} ${who}${officer}`, [
        `${names.category(one.category)} — ${names.purpose(one.purpose)}`,
        h("span", { class: one.allowed ? "" : "entry__refused" }, why),
      ]);
    });
    list.querySelector("button")?.remove();
    if (before === null || lines.length > 0) list.append(entries(lines, words.noDisclosures));
    const { next } = found;
    if (next !== null) list.append(renderButton(words.more, () => read(next)));
  };
  void read(null).catch((error: unknown) => say(String(error), true));
  return card("disclosures", words.disclosures, h("p", { class: "quiet" }, words.disclosuresNote), list);
}

function emergencies({ shown, words, names }: Page): HTMLElement {
  const judged = (one: Emergency) =>
    one.outcome === null
      ? words.notReviewed
      : one.outcome === "justified"
        ? words.justified
        : words.notJustified;
  const lines = shown.emergencies.map((one) =>
    entry(`${names.time(one.since)} ${shown.names[one.officer] ?? one.officer}`, [
      one.reason,
      `${one.categories.map((name) => names.category(name)).join("・")} — ${words.emergencyLine(one.disclosures)}`,
      one.review ? `${judged(one)}（${one.review}）` : judged(one),
    ]),
  );
  return card("emergencies", words.emergencies, entries(lines, words.noEmergencies));
}

function exporting({ shown, words }: Page): HTMLElement {
  const link = (format: string, label: string) => {
    const query = new URLSearchParams({ person: shown.person.id, format });
    return h("a", { class: "button", href: `${ROOT}/export?${query}`, download: true }, label);
  };
  return card(
    "export",
    words.exportTitle,
    h("p", {}, words.exportNote),
    h("div", { class: "row" }, link("csv", words.asCsv), link("json", words.asJson)),
  );
}

function deletion({ account, shown, words, names, redraw }: Page): HTMLElement {
  const options = Object.keys(names.vocabulary.categories).map(
    (name) => [name, names.category(name)] as const,
  );
  const which = boxes(words.which, options);
  const form = renderForm(
    [{ name: "reason", label: words.reason, type: "textarea" }],
    words.askDeletion,
    async ({ reason }) => {
      const categories = which.chosen();
      await account.post(`${ROOT}/deletions`, { person: shown.person.id, categories, reason: reason ?? "" });
      await redraw();
      say(words.asked);
    },
  );
  form.prepend(which.node);
  const lines = shown.deletions.map((one) => {
    const said = one.decision === null ? words.waiting : one.decision === "erase" ? words.erased : words.kept;
    const kept = one.erased
      .filter((part) => part.kept > 0)
      .map((part) => `${words.keptRecords(part.kept)}: ${part.why}`);
    const title = `${names.time(one.asked_at)} ${one.categories.map((name) => names.category(name)).join("・")}`;
    return entry(title, [one.explanation ? `${said}: ${one.explanation}` : said, ...kept]);
  });
  const asked = shown.deletions.length > 0 ? [entries(lines, "")] : [];
  return card("deletion", words.deletion, h("p", {}, words.deletionNote), ...asked, form);
}

function family({ account, shown, words, names, redraw }: Page): HTMLElement {
  const parts: Node[] = [];
  const guardians = shown.guardians.filter((one) => !one.ended_at && new Date(one.until) > new Date());
  if (guardians.length > 0) {
    const lines = guardians.map((one) =>
      entry(
        one.guardian_name,
        [words.relationUntil(one.relation, names.time(one.until))],
        [
          renderButton(words.endGuardian, async () => {
            await account.post(`${ROOT}/guardianships/${encodeURIComponent(one.id)}/end`);
            location.assign(location.pathname);
          }),
        ],
      ),
    );
    parts.push(h("h3", {}, words.guardians), entries(lines, words.none));
  }
  if (shown.person.id !== shown.me) {
    const made = h("div", { role: "status" });
    const invite = renderForm(
      [{ name: "relation", label: words.relation, required: true }],
      words.inviteButton,
      async ({ relation }) => {
        const { code } = await account.post<{ code: string }>(`${ROOT}/invitations`, {
          person: shown.person.id,
          relation,
        });
        made.replaceChildren(
          h("p", {}, words.inviteCode),
          h("pre", { class: "secret", id: "invitation" }, code),
        );
      },
    );
    parts.push(h("h3", {}, words.invite), invite, made);
  } else {
    const accept = renderForm(
      [{ name: "code", label: words.code, required: true }],
      words.acceptButton,
      async ({ code }) => {
        await account.post(`${ROOT}/invitations/acceptance`, { code });
        await redraw();
        say(words.accepted);
      },
    );
    parts.push(h("h3", {}, words.accept), accept);
  }
  const records = shown.records.map((one) => entry(one.service, [one.reference]));
  parts.push(h("h3", {}, words.records), entries(records, words.noRecords));
  return card("family", words.family, ...parts);
}

function chooser(shown: Overview, words: PersonWords): HTMLElement | null {
  if (shown.children.length === 0) return null;
  const options = [{ id: shown.me, name: words.me }, ...shown.children].map((one) =>
    h("option", { value: one.id, selected: one.id === shown.person.id }, one.name || one.id),
  );
  const select = h("select", {}, ...options);
  select.addEventListener("change", () => {
    const query = new URLSearchParams(location.search);
    if (select.value === shown.me) query.delete("person");
    else query.set("person", select.value);
    location.assign(`${location.pathname}?${query}`);
  });
  return h("div", { class: "form" }, h("label", {}, h("span", {}, words.whose), select));
}

openDesk("pagePerson", async (main, account, desk) => {
  if (account.session.person === null) {
    location.assign(loginAddress());
    return;
  }
  const code = desk.other === "English" ? "ja" : "en";
  const words = personWords(code);
  const names = new Names(await request<Vocabulary>("GET", `${ROOT}/words`), code);
  const asked = new URLSearchParams(location.search);
  const whose = asked.get("person") ?? "";
  const draw = async (): Promise<void> => {
    const shown = await request<Overview>("GET", `${ROOT}?${new URLSearchParams({ person: whose })}`);
    const page: Page = { account, shown, words, names, redraw: draw };
    const intro = h("p", {}, words.intro);
    const ask = await askCard(account, shown.person.id, names, words, draw);
    const parts = [consents, disclosures, emergencies, exporting, deletion, family].map((part) => part(page));
    main.replaceChildren(...[intro, chooser(shown, words), ask, ...parts].filter((part) => part !== null));
  };
  await draw();
});
