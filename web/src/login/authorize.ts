/** An app asks, the person decides. */
import { openDesk } from "../shared/account/desk";
import { loginAddress, request } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderButton } from "../shared/form/form";

interface Wish {
  readonly client?: string;
  readonly redirectUri?: string;
  readonly scopes?: readonly { readonly scope: string; readonly given: boolean }[];
  readonly error?: { readonly error_description?: string } | null;
}

openDesk("pageAuthorize", async (main, account, words) => {
  if (account.session.person === null) {
    location.assign(loginAddress());
    return;
  }
  const query = Object.fromEntries(new URLSearchParams(location.search));
  const wish = await request<Wish>("GET", `/account/authorization${location.search}`);
  if (wish.client === undefined || wish.redirectUri === undefined) {
    main.append(h("p", { class: "card" }, `${words.cannotAsk}: ${wish.error?.error_description ?? ""}`));
    return;
  }
  const decide = async (allow: boolean) => {
    const { redirect } = await account.post<{ redirect: string }>("/account/authorization", { query, allow });
    location.assign(redirect);
  };
  const lines = (wish.scopes ?? []).map(({ scope, given }) =>
    h("li", {}, `・${scope} ${given ? "" : words.notYours}`),
  );
  main.append(
    h(
      "section",
      { class: "card" },
      h("h2", {}, words.asks(wish.client)),
      h("ul", {}, ...lines),
      h("p", { class: "quiet" }, words.sendsTo(new URL(wish.redirectUri).host || wish.redirectUri)),
      h(
        "div",
        { class: "row" },
        renderButton(words.allow, () => decide(true)),
        renderButton(words.deny, () => decide(false)),
      ),
    ),
  );
});
