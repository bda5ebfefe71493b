/** Versions of the policy: draft one, see whether its cases hold, put it in force, take it back. */
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { api, type Desk, type Section, section, table } from "./parts";

interface Failure {
  readonly name: string;
  readonly expected: string;
  readonly got: string;
}

interface History {
  readonly versions: readonly {
    readonly version: number;
    readonly why: string;
    readonly madeBy: string;
    readonly madeAt: string;
    readonly rules: number;
    readonly cases: number;
  }[];
  readonly activations: readonly {
    readonly version: number;
    readonly why: string;
    readonly decidedBy: string;
    readonly decidedAt: string;
  }[];
}

interface InForce {
  readonly rules: readonly unknown[];
  readonly areas: object;
  readonly purposes: object;
}

const time = (text: string) => new Date(text).toLocaleString("ja-JP", { timeZone: "Asia/Tokyo" });

function parsed(text: string | undefined, what: string): unknown {
  try {
    return JSON.parse(text?.trim() ? text : "[]");
  } catch (error) {
    throw new Error(`${what}: ${String(error)}`);
  }
}

export function versions({ account, words }: Desk): Section {
  return section("versions", words.versions, async (redraw) => {
    const found = await account.api<History>("GET", api("policies"));
    const now = found.activations[0]?.version ?? 0;
    const may = account.may("policies:write");
    const activate = (version: number) =>
      renderForm([{ name: "why", label: words.why, required: true }], words.activate, async ({ why }) => {
        await account.api("POST", api("policies", version, "activation"), { why });
        await redraw();
        say(words.done);
      });
    const act = (version: number) => (version === now ? words.inForce : may ? activate(version) : "");
    const rows = [
      ...found.versions.map((line) => [
        String(line.version),
        time(line.madeAt),
        line.madeBy,
        line.why,
        String(line.rules),
        String(line.cases),
        act(line.version),
      ]),
      ["0", "", "", words.builtIn, "", "", act(0)],
    ];
    const heads = [
      words.version_,
      words.when,
      words.who,
      words.why,
      words.rules,
      words.cases,
      words.activate,
    ];
    const decided = found.activations.map((line) => [
      time(line.decidedAt),
      String(line.version),
      line.decidedBy,
      line.why,
    ]);
    const shown = [
      table(words.versions, heads, rows, words.nothing),
      h("h3", {}, words.decided),
      table(words.decided, [words.when, words.version_, words.who, words.why], decided, words.nothing),
    ];
    return may ? [...shown, h("h3", {}, words.draft), ...drafting({ account, words }, redraw)] : shown;
  });
}

function drafting({ account, words }: Pick<Desk, "account" | "words">, redraw: () => Promise<void>): Node[] {
  const failed = h("div", {});
  const form = renderForm(
    [
      { name: "rules", label: words.rulesJson, type: "textarea", required: true },
      { name: "areas", label: words.areasJson, type: "textarea" },
      { name: "purposes", label: words.purposesJson, type: "textarea" },
      { name: "cases", label: words.casesJson, type: "textarea" },
      { name: "why", label: words.why, required: true },
    ],
    words.draft,
    async ({ rules, areas, purposes, cases, why }) => {
      const body = {
        rules: parsed(rules, words.rulesJson),
        areas: parsed(areas?.trim() || "{}", words.areasJson),
        purposes: parsed(purposes?.trim() || "{}", words.purposesJson),
        cases: parsed(cases, words.casesJson),
        why,
      };
      const made = await account.api<{ version: number; failures: Failure[] }>("POST", api("policies"), body);
      const rows = made.failures.map((failure) => [failure.name, failure.expected, failure.got]);
      await redraw();
      document.querySelector("#versions > .stack")?.append(failed);
      const heads = [words.cases, words.expected, words.got];
      failed.replaceChildren(table(words.cases, heads, rows, words.casesHold(made.version)));
      say(rows.length === 0 ? words.casesHold(made.version) : words.casesFail(rows.length), rows.length > 0);
    },
  );
  const start = renderButton(words.startFromNow, async () => {
    const inForce = await account.api<InForce>("GET", api("policy"));
    for (const name of ["rules", "areas", "purposes"] as const) {
      const place = form.querySelector<HTMLTextAreaElement>(`textarea[name=${name}]`);
      if (place !== null) place.value = JSON.stringify(inForce[name], null, 1);
    }
  });
  return [start, form];
}
