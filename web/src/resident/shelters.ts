/** Shelters for residents: which are open, how full, and what they offer. */
import { byId, h, setText } from "../shared/dom/h";
import {
  factsOf,
  type Shelter,
  type ShelterWords,
  sheltersOf,
  shelterWords,
} from "../shared/shelter/shelter";
import { askPublic } from "./public";
import type { State, Store } from "./state";

const PUBLIC = ["/api/v1/evacuation/shelters", "/api/v1/public/snapshot"];

function item(shelter: Shelter, words: ShelterWords, english: boolean): HTMLElement {
  const { id, state, name, nameEn, address, note } = shelter;
  return h(
    "li",
    { class: `shelter shelter--${state}`, "data-shelter": id },
    h(
      "p",
      { class: "shelter__head" },
      h("span", { class: "shelter__state" }, words.state[state]),
      " ",
      english && nameEn ? nameEn : name,
    ),
    h("p", {}, factsOf(shelter, words).join("、")),
    address === "" ? null : h("p", { class: "shelter__address" }, address),
    note === "" ? null : h("p", {}, note),
  );
}

/** Asks whenever the page has asked for its alerts; what cannot be fetched leaves what is shown as it is. */
export function createShelters(store: Store): (state: State, before: State) => void {
  const box = byId("shelters", HTMLDetailsElement);
  const summary = byId("shelters-heading", HTMLElement);
  const list = byId("shelters-list", HTMLElement);
  const link = byId("shelters-safety", HTMLAnchorElement);
  let drawn = "";
  let opened = false;
  // What is folded away would be missing on paper.
  window.addEventListener("beforeprint", () => {
    box.open = true;
  });

  const draw = ({ words: { code }, shelters }: State) => {
    const key = JSON.stringify([code, shelters]);
    if (key === drawn) return;
    drawn = key;
    const words = shelterWords(code);
    const open = shelters.filter(({ state }) => state === "open").length;
    box.hidden = shelters.length === 0;
    // Opened by itself once, when there is somewhere to go; whoever closes it is not asked again.
    if (open > 0 && !opened) box.open = opened = true;
    setText(summary, open > 0 ? words.open(open) : words.noneOpen);
    setText(link, words.tellSafety);
    list.replaceChildren(...shelters.map((one) => item(one, words, code === "en")));
  };

  const ask = async () => {
    const answer = await askPublic(PUBLIC);
    if (answer !== null) store.set({ shelters: sheltersOf(answer) });
  };

  return (state, before) => {
    if (state.alerts !== before.alerts) void ask();
    draw(state);
  };
}
