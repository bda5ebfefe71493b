/** For the municipality: the yearly report, limits, delegations to other governments, and the policy in force. */
import { openDesk } from "../shared/account/desk";
import { loginAddress } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { delegations, policy, quotas } from "./governing";
import type { Desk } from "./parts";
import { versions } from "./policies";
import { report } from "./report";
import { usageWords } from "./words";

openDesk("pageUsage", async (main, account, words) => {
  if (account.session.person === null || account.session.secondFactorDue) {
    location.assign(loginAddress());
    return;
  }
  const code = document.documentElement.lang === "en" ? "en" : "ja";
  const desk: Desk = { account, words: usageWords(code), code };
  const parts = [
    account.may("usage:read") ? report(desk) : null,
    account.may("usage:read") ? quotas(desk) : null,
    account.may("delegations:read") ? delegations(desk) : null,
    account.may("policies:read") ? versions(desk) : null,
    account.may("policies:read") ? policy(desk) : null,
  ].filter((part) => part !== null);
  if (parts.length === 0) main.append(h("p", { class: "card" }, words.noRole));
  main.append(...parts.map((part) => part.node));
  await Promise.all(parts.map((part) => part.redraw()));
});
