/** The family's page: where is my child, without anyone else knowing. Phone first. */
import { openDesk } from "../shared/account/desk";
import { type Account, loginAddress, request } from "../shared/account/session";
import { createApi } from "../shared/api/client";
import type { Config, LonLat } from "../shared/api/types";
import { h } from "../shared/dom/h";
import type { LanguageCode } from "../shared/language/language";
import { waysSection } from "../shared/ways/ways";
import { dayCard } from "./day";
import { endCard, familyCard, registerCard } from "./members";
import { type Now, nowCard } from "./now";
import { placesCard } from "./places";
import { rulesCard } from "./rules";
import { searchCard } from "./search";
import type { Settings, Tag, Wearer } from "./types";
import { type Desk, type Family, type Look, pathOf, ROOT, type View } from "./view";
import { type FamilyWords, familyWords } from "./words";

interface Overview {
  readonly me: string;
  readonly person: { readonly id: string };
  readonly children: readonly Wearer[];
}

async function readFamily(account: Account, words: FamilyWords): Promise<Family> {
  const { me, children } = await request<Overview>("GET", "/account/personal");
  const own = account.session.person?.name;
  const myself = { id: me, name: own ? `${own}（${words.myself}）` : words.myself };
  const wearers = [myself, ...children.map((one) => ({ id: one.id, name: one.name || one.id }))];
  const lists = await Promise.all(
    wearers.map(async (wearer) => {
      const query = new URLSearchParams({ person: wearer.id });
      const { tags } = await request<{ tags: Tag[] }>("GET", `${ROOT}?${query}`);
      return tags.map((tag) => ({ tag, wearer }));
    }),
  );
  const shared = await request<{ tags: Tag[] }>("GET", `${ROOT}/shared`);
  return { me, wearers, tags: [...lists.flat(), ...shared.tags.map((tag) => ({ tag, wearer: null }))] };
}

function remember(tag: string | null): void {
  const url = new URL(location.href);
  if (tag === null) url.searchParams.delete("tag");
  else url.searchParams.set("tag", tag);
  history.replaceState(history.state, "", url);
}

/** A button for each tag; the chosen one is pressed. */
function chooser({ words, family, open }: Desk, chosen: string): HTMLElement | null {
  if (family.tags.length < 2) return null;
  const buttons = family.tags.map(({ tag }) => {
    const pressed = tag.id === chosen;
    const button = h(
      "button",
      { class: "button", type: "button", "aria-pressed": String(pressed) },
      tag.name,
    );
    if (!pressed) button.addEventListener("click", () => void open(tag.id));
    return button;
  });
  return h("div", { class: "row chooser", role: "group", "aria-label": words.whose }, ...buttons);
}

/** The page of one tag. What is open is closed before another is drawn. */
async function drawTag(main: HTMLElement, desk: Desk, tag: Tag, wearer: Wearer): Promise<Now> {
  let settings = await request<Settings>("GET", pathOf(tag.id, "settings"));
  let seen: LonLat | null = null;
  const set = h("div", { class: "stack" });
  const view: View = {
    ...desk,
    tag,
    wearer,
    settings: () => settings,
    lastSeen: () => seen,
    changed: async () => {
      settings = await request<Settings>("GET", pathOf(tag.id, "settings"));
      set.replaceChildren(placesCard(view), rulesCard(view));
      await now.refresh();
    },
  };
  const now = nowCard(view, (found) => {
    seen = found.location?.coordinates ?? null;
  });
  const search = searchCard(view);
  const ways = waysSection(desk.account, "tags", desk.code);
  set.replaceChildren(placesCard(view), rulesCard(view));
  const parts = [now.node, dayCard(view, now.showPath), search.node, set, ways.node];
  const records = h("a", { href: `./person.html?${new URLSearchParams({ person: wearer.id })}` });
  records.textContent = desk.words.records;
  main.append(
    ...parts,
    familyCard(desk, view),
    registerCard(desk),
    endCard(view),
    h("p", { class: "quiet" }, desk.words.intro),
    h("p", {}, records),
  );
  await Promise.all([now.refresh(), search.redraw(), ways.redraw()]);
  return now;
}

/** The page of a tag whose wearer lets the person see where they are: to look at, not to change. */
async function drawShared(main: HTMLElement, desk: Desk, tag: Tag): Promise<Now> {
  const look: Look = { ...desk, tag, settings: () => ({ name: tag.name, places: [], rules: [] }) };
  const now = nowCard(look, () => {});
  const ways = waysSection(desk.account, "tags", desk.code);
  main.append(
    h("p", { class: "quiet" }, desk.words.shared),
    now.node,
    dayCard(look, now.showPath),
    ways.node,
  );
  main.append(familyCard(desk, null), registerCard(desk));
  await Promise.all([now.refresh(), ways.redraw()]);
  return now;
}

let shown: Now | null = null;

async function draw(main: HTMLElement, account: Account, code: LanguageCode, config: Config): Promise<void> {
  const words = familyWords(code);
  const open = async (tag: string | null): Promise<void> => {
    remember(tag);
    await draw(main, account, code, config);
  };
  const family = await readFamily(account, words);
  const desk: Desk = { account, words, code, config, family, open };
  shown?.close();
  shown = null;
  const asked = new URLSearchParams(location.search).get("tag");
  const chosen = family.tags.find(({ tag }) => tag.id === asked) ?? family.tags[0];
  if (chosen === undefined) {
    main.replaceChildren(h("p", {}, words.intro), registerCard(desk), familyCard(desk, null));
    return;
  }
  main.replaceChildren(...[chooser(desk, chosen.tag.id)].filter((one) => one !== null));
  const { tag, wearer } = chosen;
  shown = await (wearer === null ? drawShared(main, desk, tag) : drawTag(main, desk, tag, wearer));
}

openDesk("pageTags", async (main, account, words) => {
  if (account.session.person === null) {
    location.assign(loginAddress());
    return;
  }
  const code = words.other === "English" ? "ja" : "en";
  await draw(main, account, code, await createApi().config());
});
