/** The staff's window for personal data: persons, emergency access and its review, deletions, legal grounds. */
import { boxes, card, entries, entry, facts, Names, type Vocabulary } from "../person/parts";
import { type PersonWords, personWords } from "../person/words";
import { openDesk } from "../shared/account/desk";
import { type Account, loginAddress, request } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";

/** What every card is drawn with. */
interface Desk {
  readonly account: Account;
  readonly words: PersonWords;
  readonly names: Names;
}

interface Emergency {
  readonly id: string;
  readonly officer: string;
  readonly person: string;
  readonly categories: readonly string[];
  readonly reason: string;
  readonly since: string;
  readonly until: string;
  readonly ended_at: string | null;
  readonly outcome: string | null;
  readonly review: string;
  readonly disclosures: number;
}

interface Deletion {
  readonly id: string;
  readonly person: string;
  readonly categories: readonly string[];
  readonly reason: string;
  readonly asked_at: string;
  readonly decision: string | null;
  readonly explanation: string;
}

interface Ground {
  readonly id: string;
  readonly ground: string;
  readonly recipient: string;
  readonly category: string;
  readonly purpose: string;
  readonly law: string;
  readonly justification: string;
  readonly revoked_at: string | null;
}

const MINUTES = [30, 60, 180, 720, 1440];
const REGISTERED = [
  "law",
  "within-purpose",
  "own-duty",
  "public-body",
  "statistics",
  "benefit",
  "special-reason",
];
const path = (...parts: readonly string[]) => `/api/v1/${parts.map(encodeURIComponent).join("/")}`;

/** A card that reads what it shows again after each change. */
function living(id: string, title: string, read: (redraw: () => Promise<void>) => Promise<readonly Node[]>) {
  const body = h("div", { class: "form form--wide" });
  const redraw = async () => body.replaceChildren(...(await read(redraw)));
  return { node: card(id, title, body), redraw };
}

function personForms({ account, words }: Desk, id: string): HTMLElement {
  const linking = renderForm(
    [
      { name: "service", label: words.service, required: true },
      { name: "reference", label: words.reference, required: true },
    ],
    words.link,
    async ({ service, reference }) => {
      await account.api("POST", path("persons", id, "links"), { service, reference });
      say(words.done);
    },
  );
  const guarding = renderForm(
    [
      { name: "login", label: words.guardianLogin, required: true, type: "email" },
      { name: "relation", label: words.relation, required: true },
    ],
    words.confirm,
    async ({ login, relation }) => {
      await account.api("POST", path("persons", id, "guardians"), { login, relation });
      say(words.done);
    },
  );
  const parts = [h("h3", {}, words.linkTitle), linking, h("h3", {}, words.guardianTitle), guarding];
  return h("details", {}, h("summary", {}, `${words.linkTitle}・${words.guardianTitle}`), ...parts);
}

function persons(desk: Desk) {
  const { account, words } = desk;
  return living("persons", words.search, async () => {
    const found = h("div", { role: "status" });
    const search = renderForm(
      [{ name: "q", label: words.searchFor, required: true }],
      words.searchButton,
      async ({ q }) => {
        const answer = await account.api<{
          persons: { id: string; name: string; born: string | null }[];
        }>("GET", `/api/v1/persons?${new URLSearchParams({ q: q ?? "" })}`);
        const lines = answer.persons.map((one) =>
          entry(
            one.name || one.id,
            [`${words.number}: ${one.id}`, one.born ? `${words.born}: ${one.born}` : ""].filter(
              (line) => line !== "",
            ),
            account.may("persons:write") ? [personForms(desk, one.id)] : [],
          ),
        );
        found.replaceChildren(entries(lines, words.notFound));
      },
    );
    if (!account.may("persons:write")) return [search, found];
    const add = renderForm(
      [
        { name: "name", label: words.personName, required: true },
        { name: "born", label: words.born, type: "date" },
      ],
      words.add,
      async ({ name, born }) => {
        const made = await account.api<{ id: string }>("POST", path("persons"), { name, born: born || null });
        say(words.added(made.id));
      },
    );
    return [search, found, h("h3", {}, words.addPerson), add];
  });
}

function opening({ account, words, names }: Desk, redraw: () => Promise<void>): readonly Node[] {
  const plain = Object.keys(names.vocabulary.categories).filter((name) => !names.sensitive(name));
  const which = boxes(
    words.data,
    plain.map((name) => [name, names.category(name)] as const),
  );
  const form = renderForm(
    [
      { name: "person", label: words.person, required: true },
      { name: "reason", label: words.emergencyReason, type: "textarea", required: true },
      {
        name: "minutes",
        label: words.minutes,
        options: MINUTES.map((minutes) => [String(minutes), words.minutesOf(minutes)] as const),
      },
    ],
    words.open,
    async ({ person, reason, minutes }) => {
      const body = { person, reason, minutes: Number(minutes), categories: which.chosen() };
      await account.api("POST", path("emergencies"), body);
      await redraw();
      say(words.done);
    },
  );
  form.prepend(which.node);
  return [h("h3", {}, words.openEmergency), h("p", { class: "quiet" }, words.openNote), form];
}

interface Held {
  readonly service: string;
  readonly records: readonly unknown[];
}

/** What the officer may do with their own open access: look, and end it. `below` is where the data appear. */
function looking(
  { account, words, names }: Desk,
  one: Emergency,
  below: HTMLElement,
  redraw: () => Promise<void>,
) {
  const label = (name: string) => words.fields[name] ?? name;
  const looks = one.categories.map((category) =>
    renderButton(words.look(names.category(category)), async () => {
      const query = new URLSearchParams({ category });
      const seen = await account.api<{ services: Held[] }>(
        "GET",
        `${path("emergencies", one.id, "data")}?${query}`,
      );
      const held = seen.services.filter((service) => service.records.length > 0);
      const shown = held.map((service) => facts(service.records, label, names));
      below.replaceChildren(...(shown.length > 0 ? shown : [h("p", {}, words.noRecords)]));
    }),
  );
  const end = renderButton(words.end, async () => {
    await account.api("POST", path("emergencies", one.id, "end"));
    await redraw();
  });
  return [...looks, end];
}

function reviewing({ account, words }: Desk, one: Emergency, redraw: () => Promise<void>): HTMLElement {
  const outcomes = [
    ["justified", words.outcomeYes],
    ["not-justified", words.outcomeNo],
  ] as const;
  const fields = [
    { name: "outcome", label: words.outcome, options: outcomes },
    { name: "note", label: words.note, type: "textarea", required: true },
  ];
  return renderForm(fields, words.save, async ({ outcome, note }) => {
    await account.api("POST", path("emergencies", one.id, "review"), { outcome, note });
    await redraw();
    say(words.done);
  });
}

function emergencyActions(desk: Desk, one: Emergency, below: HTMLElement, redraw: () => Promise<void>) {
  const { account } = desk;
  const open = one.ended_at === null && new Date(one.until) > new Date();
  if (one.officer === account.session.person?.id) return open ? looking(desk, one, below, redraw) : [];
  return one.outcome === null && account.may("emergencies:review") ? [reviewing(desk, one, redraw)] : [];
}

function emergencies(desk: Desk) {
  const { account, words, names } = desk;
  return living("emergencies", words.emergencies, async (redraw) => {
    const found = await account.api<{ emergencies: Emergency[]; names: Record<string, string> }>(
      "GET",
      path("emergencies"),
    );
    const named = (id: string) => found.names[id] ?? id;
    const lines = found.emergencies.map((one) => {
      const below = h("div", { role: "status" });
      const judged =
        one.outcome === null
          ? words.notReviewed
          : one.outcome === "justified"
            ? words.justified
            : words.notJustified;
      return entry(
        `${names.time(one.since)} ${words.officer}: ${named(one.officer)} → ${named(one.person)}`,
        [
          one.reason,
          `${one.categories.map((name) => names.category(name)).join("・")}（${words.untilTime(names.time(one.until))}） — ${words.emergencyLine(one.disclosures)}`,
          one.review ? `${judged}（${one.review}）` : judged,
        ],
        emergencyActions(desk, one, below, redraw),
        below,
      );
    });
    const open = account.may("emergencies:use") ? opening(desk, redraw) : [];
    return [entries(lines, words.none), ...open];
  });
}

function deletions({ account, words, names }: Desk) {
  return living("deletions", words.deletions, async (redraw) => {
    const found = await account.api<{ deletions: Deletion[]; names: Record<string, string> }>(
      "GET",
      path("deletions"),
    );
    const lines = found.deletions.map((one) => {
      const decided =
        one.decision === null ? words.waiting : one.decision === "erase" ? words.erased : words.kept;
      const form = renderForm(
        [
          {
            name: "decision",
            label: words.decision,
            options: [
              ["erase", words.erase],
              ["keep", words.keep],
            ] as const,
          },
          { name: "explanation", label: words.explanation, type: "textarea", required: true },
        ],
        words.decide,
        async ({ decision, explanation }) => {
          await account.api("POST", path("deletions", one.id, "decision"), { decision, explanation });
          await redraw();
          say(words.done);
        },
      );
      return entry(
        `${names.time(one.asked_at)} ${found.names[one.person] ?? one.person}`,
        [
          one.categories.map((name) => names.category(name)).join("・"),
          one.reason,
          one.explanation ? `${decided}: ${one.explanation}` : decided,
        ].filter((line) => line !== ""),
        one.decision === null && account.may("deletions:write") ? [form] : [],
      );
    });
    return [entries(lines, words.none)];
  });
}

function newGround({ account, words, names }: Desk, redraw: () => Promise<void>): HTMLElement {
  const { categories, purposes } = names.vocabulary;
  return renderForm(
    [
      {
        name: "ground",
        label: words.groundKind,
        options: REGISTERED.map((name) => [name, words.ground[name] ?? name] as const),
      },
      { name: "recipient", label: words.recipient, required: true },
      {
        name: "category",
        label: words.data,
        options: Object.keys(categories).map((name) => [name, names.category(name)] as const),
      },
      {
        name: "purpose",
        label: words.purpose,
        options: Object.keys(purposes).map((name) => [name, names.purpose(name)] as const),
      },
      { name: "law", label: words.law },
      { name: "justification", label: words.justification, type: "textarea", required: true },
      {
        name: "sensitive",
        label: words.sensitiveByLaw,
        options: [
          ["no", words.no],
          ["yes", words.yes],
        ] as const,
      },
    ],
    words.registerGround,
    async ({ sensitive, ...rest }) => {
      await account.api("POST", path("legal-grounds"), { ...rest, sensitive: sensitive === "yes" });
      await redraw();
      say(words.done);
    },
  );
}

function grounds(desk: Desk) {
  const { account, words, names } = desk;
  return living("grounds", words.grounds, async (redraw) => {
    const found = await account.api<{ grounds: Ground[] }>("GET", path("legal-grounds"));
    const may = account.may("grounds:write");
    const lines = found.grounds.map((one) => {
      const revoke = renderButton(words.revoke, async () => {
        await account.api("POST", path("legal-grounds", one.id, "revocation"));
        await redraw();
      });
      return entry(
        `${words.ground[one.ground] ?? one.ground} ${one.law}`,
        [
          `${one.recipient} ← ${names.category(one.category)} — ${names.purpose(one.purpose)}`,
          one.justification,
          ...(one.revoked_at ? [`${words.revoked} ${names.time(one.revoked_at)}`] : []),
        ],
        may && one.revoked_at === null ? [revoke] : [],
      );
    });
    const form = may ? [newGround(desk, redraw)] : [];
    return [h("p", { class: "quiet" }, words.groundsNote), entries(lines, words.none), ...form];
  });
}

openDesk("pagePrivacy", async (main, account, deskWords) => {
  if (account.session.person === null || account.session.secondFactorDue) {
    location.assign(loginAddress());
    return;
  }
  const code = deskWords.other === "English" ? "ja" : "en";
  const names = new Names(await request<Vocabulary>("GET", "/account/personal/words"), code);
  const desk: Desk = { account, words: personWords(code), names };
  const parts = [
    account.may("emergencies:read") ? emergencies(desk) : null,
    account.may("deletions:read") ? deletions(desk) : null,
    account.may("persons:read") ? persons(desk) : null,
    account.may("grounds:read") ? grounds(desk) : null,
  ].filter((part) => part !== null);
  if (parts.length === 0) main.append(h("p", { class: "card" }, deskWords.noRole));
  main.append(...parts.map((part) => part.node));
  await Promise.all(parts.map((part) => part.redraw()));
});
