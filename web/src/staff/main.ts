/** The staff's desk: devices, apps that wait, people, what was rejected, and who did what. */
import { openDesk } from "../shared/account/desk";
import { type Account, loginAddress } from "../shared/account/session";
import type { Words } from "../shared/account/words";
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";

type Cell = Node | string;

function table(heads: readonly string[], rows: readonly (readonly Cell[])[], empty: string): HTMLElement {
  if (rows.length === 0) return h("p", {}, empty);
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      { class: "table" },
      h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text)))),
      h(
        "tbody",
        {},
        ...rows.map((row) =>
          h(
            "tr",
            {},
            ...row.map((cell, index) => (index === 0 ? h("th", { scope: "row" }, cell) : h("td", {}, cell))),
          ),
        ),
      ),
    ),
  );
}

/** A section that reads what it shows again after each change. */
function section(id: string, title: string, read: (redraw: () => Promise<void>) => Promise<readonly Node[]>) {
  const body = h("div", {});
  const redraw = async () => body.replaceChildren(...(await read(redraw)));
  return { node: h("section", { class: "card", id }, h("h2", {}, title), body), redraw };
}

const path = (...parts: readonly string[]) => `/api/v1/${parts.map(encodeURIComponent).join("/")}`;

function devices(account: Account, words: Words) {
  interface Device {
    readonly id: string;
    readonly family: string;
    readonly status: string;
  }
  return section("devices", words.devices, async (redraw) => {
    const found = await account.api<{ devices: Device[] }>("GET", path("devices"));
    const shown = h("div", {});
    const set = (id: string, status: string, label: string) =>
      renderButton(label, async () => {
        await account.api("PUT", path("devices", id, "status"), { status });
        await redraw();
      });
    const rows = found.devices.map(({ id, family, status }) => [
      id,
      family,
      status,
      account.may("devices:write")
        ? status === "approved"
          ? set(id, "suspended", words.suspend)
          : set(id, "approved", status === "suspended" ? words.resume : words.approve)
        : "",
    ]);
    const show = (made: readonly { username: string; password: string }[]) => {
      const lines = made.map(({ username, password }) => `${username}\t${password}`).join("\n");
      shown.replaceChildren(h("p", {}, words.secretOnce), h("pre", { class: "secret", id: "secret" }, lines));
    };
    const one = renderForm(
      [
        { name: "id", label: words.id, required: true },
        { name: "family", label: words.family, required: true, value: "river_gauge" },
        { name: "entity_id", label: words.entity },
      ],
      words.addDevice,
      async ({ id, family, entity_id }) => {
        const made = await account.api<{ username: string; password: string }>("POST", path("devices"), {
          id,
          family,
          entity_id: entity_id || null,
        });
        await redraw();
        show([made]);
        document.querySelector("#devices > div")?.append(shown);
      },
    );
    const many = renderForm(
      [{ name: "csv", label: words.csv, type: "textarea" }],
      words.addCsv,
      async ({ csv }) => {
        const made = await account.api<{ devices: { username: string; password: string }[] }>(
          "POST",
          path("devices", "csv"),
          csv ?? "",
        );
        await redraw();
        show(made.devices);
        document.querySelector("#devices > div")?.append(shown);
      },
    );
    const forms = account.may("devices:write") ? [one, many] : [];
    return [table([words.id, words.family, words.status, words.action], rows, words.nothing), ...forms];
  });
}

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

function time(text: string): string {
  return new Date(text).toLocaleString("ja-JP", { timeZone: "Asia/Tokyo" });
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
