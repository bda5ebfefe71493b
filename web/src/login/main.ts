/** Logging in, signing up, registering an authenticator, and what the links in our mails ask for. */
import { openDesk } from "../shared/account/desk";
import { type Account, Refused, request, type Session, safeNext } from "../shared/account/session";
import type { Words } from "../shared/account/words";
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { readOutside } from "./outside";

function goOn(session: Session): void {
  const home = session.person?.roles.length ? "/staff.html" : "/developer.html";
  location.assign(safeNext(location.search, home, location.origin));
}

async function logIn(values: Record<string, string>, words: Words): Promise<void> {
  const body = { login: values.login, password: values.password, code: values.code || null };
  try {
    const session = await request<Session>("POST", "/account/login", body);
    if (session.secondFactorDue) location.reload();
    else goOn(session);
  } catch (error) {
    if (error instanceof Refused && error.code === "code_needed") throw new Error(words.codeNeeded);
    if (error instanceof Refused && error.code === "refused") throw new Error(words.logInRefused);
    throw error;
  }
}

/** Buttons for the outside providers that the city has, and what went wrong at the last one. */
async function drawOutside(main: HTMLElement, words: Words): Promise<void> {
  const query = new URLSearchParams(location.search);
  const fault = query.get("outside");
  if (fault !== null) say(words.outsideFaults[fault] ?? words.outsideFaults.failed ?? fault, true);
  const { providers } = await readOutside();
  if (providers.length === 0) return;
  const next = encodeURIComponent(safeNext(location.search, "/login.html", location.origin));
  const links = providers.map(({ id, title }) =>
    h(
      "a",
      { class: "button", href: `/account/outside/${encodeURIComponent(id)}?next=${next}` },
      words.outsideWith(title),
    ),
  );
  main.prepend(
    h(
      "section",
      { class: "card", id: "outside" },
      h("h2", {}, words.outsideLogin),
      h("div", { class: "row" }, ...links),
    ),
  );
}

function drawLogIn(main: HTMLElement, words: Words): void {
  const login = {
    name: "login",
    label: words.email,
    type: "email",
    autocomplete: "username",
    required: true,
  };
  const enter = renderForm(
    [
      login,
      {
        name: "password",
        label: words.password,
        type: "password",
        autocomplete: "current-password",
        required: true,
      },
      { name: "code", label: words.code, autocomplete: "one-time-code" },
    ],
    words.login,
    (values) => logIn(values, words),
  );
  const begin = renderForm(
    [
      login,
      { name: "name", label: words.name, autocomplete: "name" },
      {
        name: "password",
        label: words.newPassword,
        type: "password",
        autocomplete: "new-password",
        required: true,
      },
    ],
    words.signup,
    async (values) => {
      const made = await request<{ id: string | null }>("POST", "/account/signup", values);
      if (made.id === null) {
        say(words.mailSent);
        return;
      }
      say(words.signupDone);
      await logIn(values, words);
    },
  );
  main.append(
    h("section", { class: "card", id: "login" }, h("h2", {}, words.login), enter),
    h("section", { class: "card", id: "signup" }, h("h2", {}, words.signup), begin),
    h("section", { class: "card", id: "forgotten" }, h("h2", {}, words.forgotten), renderForgotten(words)),
  );
}

function renderForgotten(words: Words): HTMLFormElement {
  const login = {
    name: "login",
    label: words.email,
    type: "email",
    autocomplete: "username",
    required: true,
  };
  return renderForm([login], words.sendLink, async (values) => {
    await request("POST", "/account/password/forgotten", values);
    say(words.mailSent);
  });
}

/** The link's token stands behind the #, where no server sees it, until it is used up. */
function tokenOf(purpose: "confirm" | "reset"): string | null {
  return new URLSearchParams(location.hash.slice(1)).get(purpose);
}

function logInAfter(main: HTMLElement, words: Words, done: string): void {
  history.replaceState(null, "", location.pathname);
  main.querySelector("#link")?.remove();
  drawLogIn(main, words);
  say(done);
}

function drawReset(main: HTMLElement, token: string, words: Words): void {
  const password = {
    name: "password",
    label: words.newPassword,
    type: "password",
    autocomplete: "new-password",
    required: true,
  };
  const renew = renderForm([password], words.save, async (values) => {
    await request("POST", "/account/password/renew", { token, password: values.password });
    logInAfter(main, words, words.passwordRenewed);
  });
  main.append(h("section", { class: "card", id: "link" }, h("h2", {}, words.forgotten), renew));
}

/** A person presses the button: programs that open links in mails must not use the link up. */
function drawConfirm(main: HTMLElement, token: string, words: Words): void {
  const confirm = renderButton(words.confirmAddress, async () => {
    await request("POST", "/account/confirm", { token });
    logInAfter(main, words, words.addressConfirmed);
  });
  main.append(h("section", { class: "card", id: "link" }, h("h2", {}, words.confirmAddress), confirm));
}

function drawSecondFactor(main: HTMLElement, account: Account, words: Words): void {
  const place = h("div", {});
  const start = renderButton(words.start, async () => {
    const { address } = await account.post<{ address: string }>("/account/second-factor");
    const key = new URL(address).searchParams.get("secret") ?? "";
    const confirm = renderForm(
      [{ name: "code", label: words.code, required: true }],
      words.confirm,
      async (values) => {
        await account.post("/account/second-factor/confirm", { code: values.code });
        say(words.confirmed);
        goOn(account.session);
      },
    );
    place.replaceChildren(h("p", { class: "secret", id: "totp-key" }, key), confirm);
  });
  main.append(
    h(
      "section",
      { class: "card" },
      h("h2", {}, words.secondFactor),
      h("p", {}, words.secondFactorNote),
      start,
      place,
    ),
  );
}

/** The session that an outside provider opened, of somebody who has an authenticator here. */
function drawCode(main: HTMLElement, account: Account, words: Words): void {
  const show = renderForm(
    [{ name: "code", label: words.codeShow, autocomplete: "one-time-code", required: true }],
    words.confirm,
    async (values) => {
      await account.post("/account/second-factor/show", { code: values.code });
      goOn(account.session);
    },
  );
  main.append(
    h("section", { class: "card" }, h("h2", {}, words.codeShow), h("p", {}, words.codeShowNote), show),
  );
}

openDesk("pageLogin", async (main, account, words) => {
  const reset = tokenOf("reset");
  const confirm = tokenOf("confirm");
  if (reset !== null) drawReset(main, reset, words);
  else if (confirm !== null) drawConfirm(main, confirm, words);
  else if (account.session.person === null) {
    drawLogIn(main, words);
    await drawOutside(main, words);
  } else if (account.session.secondFactorDue) {
    if (account.session.person.hasSecondFactor) drawCode(main, account, words);
    else drawSecondFactor(main, account, words);
  } else goOn(account.session);
});
