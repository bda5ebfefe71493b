/** The developers' portal: my apps, a new app, and a console that runs requests with one's own token. */
import { openDesk } from "../shared/account/desk";
import { type Account, loginAddress, request } from "../shared/account/session";
import type { Words } from "../shared/account/words";
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { samplesFor, tokenSample } from "./samples";

interface App {
  readonly client_id: string;
  readonly client_name: string;
  readonly client_secret?: string;
  readonly scope: string;
  readonly pending_scope: string;
  readonly status?: string;
  readonly token_endpoint_auth_method: string;
  readonly grant_types?: readonly string[];
  readonly quota?: {
    readonly per_second: number;
    readonly burst: number;
    readonly per_month: number | null;
    readonly used_this_month: number;
  };
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

const TIMEOUT_MS = 30_000;

const PATHS = [
  "/ngsi-ld/v1/types",
  "/ngsi-ld/v1/entities?type=WaterObserved&limit=3",
  "/api/v1/flood/gauges",
  "/api/v1/flood/alerts?active=true",
];

function showSecret(
  place: HTMLElement,
  words: Words,
  app: { client_id: string; client_secret?: string; grant_types?: readonly string[] },
): void {
  const alone = app.grant_types?.includes("client_credentials") === true;
  const secret = app.client_secret === undefined ? "" : `\nclient_secret: ${app.client_secret}`;
  place.replaceChildren(
    app.client_secret === undefined ? "" : h("p", {}, words.secretOnce),
    h("pre", { class: "secret", id: "secret" }, `client_id: ${app.client_id}${secret}`),
    ...(alone
      ? [
          h("h3", {}, words.tokenHow),
          h("pre", { class: "code", id: "token", tabindex: 0 }, tokenSample(location.origin, app.client_id)),
        ]
      : []),
  );
}

function quotaOf({ quota }: App, words: Words): string {
  if (quota === undefined) return "";
  return words.quotaOf(quota.per_second, quota.burst, quota.used_this_month, quota.per_month);
}

/** One app: what it may, what it waits for, and what it may ask. */
function appShown(app: App, shown: HTMLElement, account: Account, words: Words): HTMLElement {
  const facts: readonly (readonly [name: string, text: string])[] = [
    ["client_id", app.client_id],
    [words.granted, app.scope],
    [words.pending, app.pending_scope],
    [words.status, app.status ?? ""],
    [words.quota, quotaOf(app, words)],
  ];
  const told = facts.filter(([, text]) => text !== "");
  const renew = renderButton(words.newSecret, async () => {
    const path = `/account/apps/${encodeURIComponent(app.client_id)}/secret`;
    showSecret(shown, words, await account.post(path));
  });
  return h(
    "article",
    {},
    h("h3", {}, app.client_name),
    h("dl", { class: "facts" }, ...told.flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)])),
    app.token_endpoint_auth_method.startsWith("client_secret") ? h("p", {}, renew) : null,
  );
}

async function drawApps(
  place: HTMLElement,
  shown: HTMLElement,
  account: Account,
  words: Words,
): Promise<void> {
  // Pages that change something read it again: what is shown is what is stored.
  const { apps } = await request<{ apps: readonly App[] }>("GET", "/account/apps");
  place.replaceChildren(
    apps.length === 0
      ? h("p", {}, words.noApps)
      : h("div", { class: "stack", id: "apps" }, ...apps.map((app) => appShown(app, shown, account, words))),
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
    [
      { name: "path", label: words.path, value: PATHS[0] ?? "", required: true },
      { name: "purpose", label: words.purposeSaid },
    ],
    words.run,
    async (values) => {
      const url = new URL(values.path ?? "", location.origin);
      if (url.origin !== location.origin) throw new Error(`${url.origin} ≠ ${location.origin}`);
      const path = url.pathname + url.search;
      const began = performance.now();
      const headers: Record<string, string> = values.purpose ? { "CityOS-Purpose": values.purpose } : {};
      if (account.session.person !== null) headers.Authorization = `Bearer ${await account.bearer()}`;
      const response = await fetch(path, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
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

/** For whoever has just found the city's API: it can be tried before anything is asked of them. */
function welcome(words: Words): HTMLElement {
  return h(
    "section",
    { class: "card" },
    h("p", {}, words.developerIntro),
    h("p", {}, h("a", { class: "button", href: loginAddress(), id: "enter" }, words.developerEnter)),
    h("p", {}, h("a", { href: "./catalogue.html" }, words.pageCatalogue)),
    h("p", {}, h("a", { href: "/openapi.json" }, words.apiDocument)),
  );
}

openDesk("pageDeveloper", async (main, account, words) => {
  if (account.session.person === null) {
    main.append(welcome(words), consoleOf(account, words));
    return;
  }
  const apps = h("div", {});
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
