/** Limits, delegations and the policy in force. */
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { amount, api, type Desk, type Section, section, table } from "./parts";

interface Quota {
  readonly client: string;
  readonly per_second: number | null;
  readonly burst: number | null;
  readonly per_month: number | null;
}

const number = (text: string | undefined) => (text ? Number(text) : null);

export function quotas({ account, words }: Desk): Section {
  return section("quotas", words.quotas, async (redraw) => {
    const found = await account.api<{ quotas: Quota[] }>("GET", api("quotas"));
    const may = account.may("usage:write");
    const named = (client: string) => (client === "" ? words.city : client === "*" ? words.everyApp : client);
    const remove = (client: string) =>
      renderButton(words.remove, async () => {
        await account.api("DELETE", api("quotas", client || "city"));
        await redraw();
      });
    const rows = found.quotas.map((q) => [
      named(q.client),
      amount(q.per_second, words),
      amount(q.burst, words),
      amount(q.per_month, words),
      may ? remove(q.client) : "",
    ]);
    const form = renderForm(
      [
        { name: "client", label: words.app, required: true, value: "*" },
        { name: "per_second", label: words.perSecond, type: "number" },
        { name: "burst", label: words.burst, type: "number" },
        { name: "per_month", label: words.perMonth, type: "number" },
      ],
      words.save,
      async ({ client, per_second, burst, per_month }) => {
        await account.api("PUT", api("quotas", client ?? ""), {
          per_second: number(per_second),
          burst: number(burst),
          per_month: number(per_month),
        });
        await redraw();
        say(words.done);
      },
    );
    const heads = [words.app, words.perSecond, words.burst, words.perMonth, words.remove];
    const shown = table(words.quotas, heads, rows, words.nothing);
    return may ? [shown, h("p", { class: "quiet" }, words.quotaHint), form] : [shown];
  });
}

interface Delegation {
  readonly id: string;
  readonly giver: string;
  readonly reader: string;
  readonly types: readonly string[];
  readonly purpose: string;
  readonly revokedAt: string | null;
}

export function delegations({ account, words }: Desk): Section {
  return section("delegations", words.delegations, async (redraw) => {
    const found = await account.api<{ delegations: Delegation[] }>("GET", api("delegations"));
    const may = account.may("delegations:write");
    const tenant = account.session.person?.id.split(".")[0];
    const takeBack = (id: string) =>
      renderButton(words.takeBack, async () => {
        await account.api("DELETE", api("delegations", id));
        await redraw();
        say(words.done);
      });
    const rows = found.delegations.map((d) => [
      d.reader,
      d.giver,
      d.types.join(" "),
      d.purpose,
      d.revokedAt === null ? words.inForce : words.revoked,
      may && d.revokedAt === null && d.giver === tenant ? takeBack(d.id) : "",
    ]);
    const heads = [words.reader, words.giver, words.kinds, words.purpose, words.state, words.takeBack];
    const shown = table(words.delegations, heads, rows, words.nothing);
    const form = renderForm(
      [
        { name: "reader", label: words.reader, required: true },
        { name: "types", label: words.types, required: true },
        { name: "purpose", label: words.purpose, required: true },
      ],
      words.give,
      async ({ reader, types, purpose }) => {
        const named = (types ?? "").split(/\s+/).filter((name) => name !== "");
        await account.api("POST", api("delegations"), { reader, types: named, purpose });
        await redraw();
        say(words.done);
      },
    );
    return may ? [shown, h("p", { class: "quiet" }, words.delegationHint), form] : [shown];
  });
}

interface Rule {
  readonly name: string;
  readonly explanation: string;
  readonly allow: boolean;
  readonly types: readonly string[];
  readonly scopes: readonly string[];
}

export function policy({ account, words }: Desk): Section {
  return section("policy", words.policy, async () => {
    const found = await account.api<{ version: string; rules: Rule[] }>("GET", api("policy"));
    const rows = found.rules.map((rule) => [
      rule.name,
      rule.explanation,
      rule.allow ? words.allow : words.deny,
      rule.types.join(" "),
      rule.scopes.join(" "),
    ]);
    const heads = [words.rule, words.explanation, words.effect, words.kinds, words.forWhom];
    return [h("p", {}, words.version(found.version)), table(words.policy, heads, rows, words.nothing)];
  });
}
