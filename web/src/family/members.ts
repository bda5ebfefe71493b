/** Registering a tag, inviting others to watch, taking an invitation up, and ending a tag. */
import { Refused } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { type Desk, pathOf, ROOT, type View } from "./view";

const PERSONAL = "/account/personal";

/** A tag's code that is refused is said in the reader's words. */
function inWords(error: unknown, desk: Desk): unknown {
  if (!(error instanceof Refused)) return error;
  if (error.status === 409) return new Error(desk.words.taken);
  return error.field === "code" ? new Error(desk.words.badCode) : error;
}

export function registerCard(desk: Desk): HTMLElement {
  const { account, words, family } = desk;
  const wearers = family.wearers.map((one) => [one.id, one.name] as const);
  const form = renderForm(
    [
      { name: "person", label: words.wearer, options: wearers },
      { name: "code", label: `${words.code}（${words.codeHint}）`, required: true },
      { name: "name", label: words.tagName, required: true },
    ],
    words.registerButton,
    async ({ person, code, name }) => {
      try {
        const made = await account.post<{ id: string }>(ROOT, { person, code, name });
        await desk.open(made.id);
        say(words.registered);
      } catch (error) {
        throw inWords(error, desk);
      }
    },
  );
  return h(
    "section",
    { class: "card", id: "register", "aria-labelledby": "register-title" },
    h("h2", { id: "register-title" }, words.register),
    wearers.length > 1 ? null : h("p", { class: "quiet" }, words.noWearers),
    form,
  );
}

function invite({ account, words, wearer }: View): HTMLElement {
  const made = h("div", { role: "status" });
  const form = renderForm(
    [{ name: "relation", label: words.relation, required: true }],
    words.invite,
    async ({ relation }) => {
      const asked = { person: wearer.id, relation };
      const { code } = await account.post<{ code: string }>(`${PERSONAL}/invitations`, asked);
      made.replaceChildren(
        h("p", {}, words.inviteCode),
        h("pre", { class: "secret", id: "invitation" }, code),
      );
    },
  );
  return h("div", { class: "stack" }, h("p", { class: "quiet" }, words.inviteNote), form, made);
}

/** The address by which a grown person lets the asker see where they are; it leads to their own page of consents. */
function asking({ words, family }: Desk): HTMLElement {
  const query = new URLSearchParams({ ask: family.me, data: "location", purpose: "family-watch" });
  const address = new URL(`person.html?${query}`, location.href).href;
  return h(
    "details",
    {},
    h("summary", {}, words.asking),
    h("p", { class: "quiet" }, words.askingNote),
    h("pre", { class: "secret", id: "asking" }, address),
  );
}

function accept(desk: Desk): HTMLElement {
  const { account, words } = desk;
  const form = renderForm(
    [{ name: "code", label: words.invitation, required: true }],
    words.acceptButton,
    async ({ code }) => {
      await account.post(`${PERSONAL}/invitations/acceptance`, { code });
      await desk.open(null);
      say(words.accepted);
    },
  );
  return h("details", {}, h("summary", {}, words.accept), form);
}

/** Who watches: inviting where a child's tag is chosen, taking an invitation up always. */
export function familyCard(desk: Desk, view: View | null): HTMLElement {
  const { words, family } = desk;
  return h(
    "section",
    { class: "card", id: "family", "aria-labelledby": "family-title" },
    h("h2", { id: "family-title" }, words.family),
    view === null || view.wearer.id === family.me ? null : invite(view),
    accept(desk),
    asking(desk),
  );
}

/** Asks once more before everything goes. */
export function endCard(view: View): HTMLElement {
  const { account, words, tag } = view;
  const place = h("div", { class: "row" });
  const first = h("button", { class: "button", type: "button" }, words.end);
  const reset = () => {
    place.replaceChildren(first);
  };
  first.addEventListener("click", () => {
    const sure = renderButton(words.endSure, async () => {
      await account.change("DELETE", pathOf(tag.id));
      await view.open(null);
      say(words.ended);
    });
    sure.classList.add("button--bad");
    const keep = h("button", { class: "button", type: "button" }, words.keep);
    keep.addEventListener("click", () => {
      reset();
      first.focus();
    });
    place.replaceChildren(keep, sure);
    keep.focus();
  });
  reset();
  return h(
    "section",
    { class: "card", id: "end", "aria-labelledby": "end-title" },
    h("h2", { id: "end-title" }, words.end),
    h("p", {}, words.endNote),
    place,
  );
}
