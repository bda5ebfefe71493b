/** An app has logged the person out, and asks whether to do so here too. */
import { openDesk } from "../shared/account/desk";
import { request } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderButton } from "../shared/form/form";

openDesk("pageLogout", async (main, account, words) => {
  const { redirect } = await request<{ redirect: string | null }>(
    "GET",
    `/oauth/logout/wish${location.search}`,
  );
  const onward = redirect ?? "/login.html";
  if (account.session.person === null) {
    location.assign(onward);
    return;
  }
  const leave = renderButton(words.logout, async () => {
    const outside = await account.logOut();
    location.assign(redirect ?? outside);
  });
  const stay = renderButton(words.logoutStay, async () => location.assign(onward));
  main.append(
    h(
      "section",
      { class: "card" },
      h("h2", {}, words.logoutAsk),
      h("p", {}, account.session.person.login),
      h("div", { class: "row" }, leave, stay),
    ),
  );
});
