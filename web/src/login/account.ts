/** One's own account: with which outside accounts it is linked. */
import { openDesk } from "../shared/account/desk";
import { type Account, loginAddress } from "../shared/account/session";
import type { Words } from "../shared/account/words";
import { h } from "../shared/dom/h";
import { renderButton } from "../shared/form/form";
import { type Outside, readOutside } from "./outside";

const pathOf = (id: string, act: string) => `/account/outside/${encodeURIComponent(id)}/${act}`;

function drawLinks(place: HTMLElement, account: Account, words: Words, { providers, links }: Outside): void {
  const linked = new Set(links.map(({ id }) => id));
  const lines = links.map(({ id, title, linkedAt }) =>
    h(
      "li",
      { class: "row" },
      words.outsideLinked(title, new Date(linkedAt).toLocaleDateString("ja-JP", { timeZone: "Asia/Tokyo" })),
      renderButton(words.outsideUnlink(title), async () => {
        await account.post(pathOf(id, "unlink"));
        drawLinks(place, account, words, await readOutside());
      }),
    ),
  );
  const offers = providers
    .filter(({ id }) => !linked.has(id))
    .map(({ id, title }) =>
      renderButton(words.outsideLink(title), async () => {
        const { redirect } = await account.post<{ redirect: string }>(pathOf(id, "link"));
        location.assign(redirect);
      }),
    );
  if (lines.length + offers.length === 0) place.replaceChildren(h("p", {}, words.outsideNone));
  else place.replaceChildren(h("p", {}, words.outsideLinksNote), h("ul", {}, ...lines), ...offers);
}

openDesk("pageAccount", async (main, account, words) => {
  if (account.session.person === null || account.session.secondFactorDue) {
    location.assign(loginAddress());
    return;
  }
  const place = h("div", {});
  main.append(
    h("section", { class: "card" }, h("h2", {}, account.session.person.login)),
    h("section", { class: "card", id: "outside" }, h("h2", {}, words.outsideLinks), place),
  );
  drawLinks(place, account, words, await readOutside());
});
