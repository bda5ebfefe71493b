/** The developers' portal: my apps, a new app, and a console that runs requests with one's own token. */
import { openDesk } from "../shared/account/desk";
import { type Account, loginAddress } from "../shared/account/session";
import type { Words } from "../shared/account/words";
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { samplesFor } from "./samples";

interface App {
  readonly client_id: string;
  readonly client_name: string;
  readonly client_secret?: string;
  readonly scope: string;
  readonly pending_scope: string;
  readonly status?: string;
  readonly token_endpoint_auth_method: string;
}

const KINDS: Readonly<Record<string, { grant_types: string[]; token_endpoint_auth_method: string }>> = {
  server: { grant_types: ["client_credentials"], token_endpoint_auth_method: "client_secret_basic" },
  web: {
    grant_types: ["authorization_code", "refresh_token"],
    token_endpoint_auth_method: "client_secret_basic",
  },
  public: { grant_types: ["authorization_code", "refresh_token"], token_endpoint_auth_method: "none" },
};

const SCOPES = [
  "opendata:read",
  "openid",
  "profile",
  "email",
  "entities:read",
  "entities:write",
  "devices:read",
];

const PATHS = [
  "/ngsi-ld/v1/types",
  "/ngsi-ld/v1/entities?type=WaterObserved&limit=3",
  "/api/v1/flood/gauges",
  "/api/v1/flood/alerts?active=true",
];

function showSecret(
  place: HTMLElement,
  words: Words,
  app: { client_id: string; client_secret?: string },
): void {
  const secret = app.client_secret === undefined ? "" : `\nclient_secret: ${app.client_secret}`;
  place.replaceChildren(
    app.client_secret === undefined ? "" : h("p", {}, words.secretOnce),
    h("pre", { class: "secret", id: "secret" }, `client_id: ${app.client_id}${secret}`),
  );
}

async function drawApps(
  place: HTMLElement,
  shown: HTMLElement,
  account: Account,
  words: Words,
): Promise<void> {
  // Pages that change something read it again: what is shown is what is stored.
  const { apps } = await (await fetch("/account/apps", { cache: "no-store" })).json();
  const rows = (apps as App[]).map((app) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, app.client_name, h("br", {}), h("span", { class: "quiet" }, app.client_id)),
      h("td", {}, app.scope),
      h("td", {}, app.pending_scope),
      h("td", {}, app.status ?? ""),
      h(
        "td",
        {},
        app.token_endpoint_auth_method.startsWith("client_secret")
          ? renderButton(words.newSecret, async () => {
              const path = `/account/apps/${encodeURIComponent(app.client_id)}/secret`;
              showSecret(shown, words, await account.post(path));
            })
          : null,
      ),
    ),
  );
  const heads = [words.appName, words.granted, words.pending, words.status, words.action];
  place.replaceChildren(
    rows.length === 0
      ? h("p", {}, words.noApps)
      : h(
          "table",
          { class: "table" },
          h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text)))),
          h("tbody", {}, ...rows),
        ),
  );
}

function registration(
  account: Account,
  words: Words,
  shown: HTMLElement,
  redraw: () => Promise<void>,
): HTMLElement {
  const boxes = SCOPES.map((scope) =>
    h(
      "label",
      { class: "check" },
      h("input", { type: "checkbox", value: scope, checked: scope === "opendata:read" }),
      scope,
    ),
  );
  const fields = h("fieldset", {}, h("legend", {}, words.scopes), ...boxes);
  return renderForm(
    [
      { name: "client_name", label: words.appName, required: true },
      {
        name: "kind",
        label: words.kind,
        options: [
          ["server", words.kindServer],
          ["web", words.kindWeb],
          ["public", words.kindPublic],
        ],
      },
      { name: "redirect", label: words.redirect, type: "url" },
      { name: "purpose", label: words.purpose },
    ],
    words.registerApp,
    async (values) => {
      const chosen = [...fields.querySelectorAll("input")]
        .filter((box) => box.checked)
        .map((box) => box.value);
      const made = await account.post<App>("/account/apps", {
        client_name: values.client_name,
        redirect_uris: values.redirect ? [values.redirect] : [],
        purpose: values.purpose,
        scope: chosen.join(" "),
        ...KINDS[values.kind ?? "server"],
      });
      showSecret(shown, words, made);
      await redraw();
    },
    fields,
  );
}

function consoleOf(account: Account, words: Words): HTMLElement {
  const answer = h("pre", { class: "code", id: "answer", tabindex: 0 });
  const samples = h("div", {});
  const list = h("datalist", { id: "paths" }, ...PATHS.map((path) => h("option", { value: path })));
  const form = renderForm(
    [{ name: "path", label: words.path, value: PATHS[0] ?? "", required: true }],
    words.run,
    async (values) => {
      const url = new URL(values.path ?? "", location.origin);
      if (url.origin !== location.origin) throw new Error(`${url.origin} ≠ ${location.origin}`);
      const path = url.pathname + url.search;
      const began = performance.now();
      const response = await fetch(path, { headers: { Authorization: `Bearer ${await account.bearer()}` } });
      const text = await response.text();
      say(words.answered(response.status, Math.round(performance.now() - began)));
      answer.textContent = pretty(text);
      samples.replaceChildren(
        ...samplesFor(location.origin, path).map(([language, code]) =>
          h(
            "details",
            {},
            h("summary", {}, `${words.samples}: ${language}`),
            h("pre", { class: "code" }, code),
          ),
        ),
      );
    },
  );
  form.querySelector("input")?.setAttribute("list", "paths");
  return h(
    "section",
    { class: "card", id: "console" },
    h("h2", {}, words.console),
    list,
    form,
    answer,
    samples,
  );
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

openDesk("pageDeveloper", async (main, account, words) => {
  if (account.session.person === null) {
    location.assign(loginAddress());
    return;
  }
  const apps = h("div", { class: "scroll" });
  const shown = h("div", {});
  const redraw = () => drawApps(apps, shown, account, words);
  main.append(
    h("section", { class: "card" }, h("h2", {}, words.apps), apps, shown),
    h(
      "section",
      { class: "card" },
      h("h2", {}, words.registerApp),
      registration(account, words, shown, redraw),
    ),
    consoleOf(account, words),
  );
  await redraw();
});
