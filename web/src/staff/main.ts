/** The staff's desk: devices, apps that wait, people, what was rejected, and who did what. */
import { openDesk } from "../shared/account/desk";
import { type Account, loginAddress } from "../shared/account/session";
import type { Words } from "../shared/account/words";
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { devices } from "./devices";
import { path, section, table, time } from "./parts";

function apps(account: Account, words: Words) {
  interface App {
    readonly client_id: string;
    readonly client_name: string;
    readonly pending_scope: string;
    readonly purpose: string;
  }
  return section("apps", words.waiting, async (redraw) => {
    const found = await account.api<{ apps: App[] }>("GET", path("apps"));
    const decide = (app: App, allow: readonly string[], label: string) =>
      renderButton(label, async () => {
        await account.api("POST", path("apps", app.client_id, "approval"), { allow });
        await redraw();
      });
    const rows = found.apps
      .filter((app) => app.pending_scope !== "")
      .map((app) => [
        app.client_name,
        app.pending_scope,
        app.purpose,
        h(
          "div",
          { class: "row" },
          decide(app, app.pending_scope.split(" "), words.approve),
          decide(app, [], words.refuse),
        ),
      ]);
    return [table([words.appName, words.pending, words.purpose, words.action], rows, words.nothing)];
  });
}

function users(account: Account, words: Words) {
  interface User {
    readonly id: string;
    readonly login: string;
    readonly name: string;
    readonly roles: readonly string[];
    readonly status: string;
  }
  return section("users", words.users, async (redraw) => {
    const found = await account.api<{ users: User[] }>("GET", path("users"));
    const rows = found.users.map((user) => [
      user.login,
      user.name,
      user.status,
      user.id === account.session.person?.id || !account.may("users:write")
        ? user.roles.join(" ")
        : renderForm(
            [{ name: "roles", label: words.roles, value: user.roles.join(" ") }],
            words.save,
            async ({ roles }) => {
              const wanted = (roles ?? "").split(/\s+/).filter((role) => role !== "");
              await account.api("PUT", path("users", user.id), { roles: wanted, status: user.status });
              await redraw();
              say(words.done);
            },
          ),
    ]);
    return [table([words.email, words.name, words.status, words.roles], rows, words.nothing)];
  });
}

function rejected(account: Account, words: Words) {
  interface Rejected {
    readonly device: string;
    readonly reason: string;
    readonly detail: string;
    readonly received_at: string;
  }
  return section("rejected", words.rejected, async () => {
    const found = await account.api<{ rejected: Rejected[] }>("GET", path("rejected"));
    const rows = found.rejected.map((line) => [
      time(line.received_at),
      line.device,
      line.reason,
      line.detail,
    ]);
    return [table([words.when, words.devices, words.reason, words.detail], rows, words.nothing)];
  });
}

function audit(account: Account, words: Words) {
  interface Line {
    readonly at: string;
    readonly actor: string;
    readonly action: string;
    readonly object: string;
    readonly allowed: boolean;
    readonly detail: string;
  }
  return section("audit", words.audit, async () => {
    const found = await account.api<{ lines: Line[] }>("GET", path("audit"));
    const rows = found.lines.map((line) => [
      time(line.at),
      line.actor,
      line.action,
      line.object,
      line.allowed ? words.yes : words.no,
      line.detail,
    ]);
    return [
      table(
        [words.when, words.who, words.what, words.target, words.result, words.detail],
        rows,
        words.nothing,
      ),
    ];
  });
}

openDesk("pageStaff", async (main, account, words) => {
  if (account.session.person === null || account.session.secondFactorDue) {
    location.assign(loginAddress());
    return;
  }
  const parts = [
    account.may("devices:read") ? devices(account, words) : null,
    account.may("apps:read") ? apps(account, words) : null,
    account.may("users:read") ? users(account, words) : null,
    account.may("rejected:read") ? rejected(account, words) : null,
    account.may("audit:read") ? audit(account, words) : null,
  ].filter((part) => part !== null);
  if (parts.length === 0) main.append(h("p", { class: "card" }, words.noRole));
  const places: (readonly [string, string])[] = [
    ["/catalogue.html", words.pageCatalogue],
    ["/account.html", words.pageAccount],
  ];
  if (account.may("persons:read")) places.unshift(["/privacy.html", words.pagePrivacy]);
  if (account.may("usage:read")) places.unshift(["/usage.html", words.pageUsage]);
  main.append(h("nav", { class: "row" }, ...places.map(([href, text]) => h("a", { href }, text))));
  main.append(...parts.map((part) => part.node));
  await Promise.all(parts.map((part) => part.redraw()));
});
