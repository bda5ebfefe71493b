/** Loading districts or shelters: the file is checked (districts on the map) before anything is replaced. */
import type { Account } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderButton } from "../shared/form/form";
import { type Border, bordersOf } from "../shared/map/borders";
import type { OfficerWords } from "./words";

interface Checked {
  readonly districts?: number;
  readonly shelters?: number;
  readonly warnings: readonly string[];
  readonly borders?: unknown;
}

export interface Loading {
  readonly account: Account;
  readonly words: OfficerWords;
  readonly what: "districts" | "shelters";
  look(borders: readonly Border[]): Promise<void>;
  loaded(): Promise<void>;
}

/** Where they go, and what the form says. */
function placeOf(what: Loading["what"], words: OfficerWords) {
  const path = `/api/v1/evacuation/${what}`;
  return what === "districts"
    ? { path, title: words.loadDistricts, file: words.districtFile }
    : { path, title: words.loadShelters, file: words.shelterFile };
}

/** A GeoJSON file goes as JSON, a CSV file as it is. */
function bodyOf(text: string, name: string): unknown {
  return name.toLowerCase().endsWith(".csv") ? text : JSON.parse(text);
}

export function loader({ account, words, what, look, loaded }: Loading): HTMLElement {
  const place = placeOf(what, words);
  const file = h("input", { type: "file", accept: ".geojson,.json,.csv,application/geo+json,text/csv" });
  const found = h("div", { class: "card__body", role: "status" });
  const check = renderButton(words.check, async () => {
    const chosen = file.files?.[0];
    if (chosen === undefined) throw new Error(words.chooseFile);
    const body = bodyOf(await chosen.text(), chosen.name);
    const checked = await account.api<Checked>("PUT", `${place.path}?check=true`, body);
    const count = checked[what] ?? 0;
    found.replaceChildren(
      h("p", {}, words.checked(count)),
      h("ul", { class: "facts gap" }, ...checked.warnings.map((text) => h("li", {}, text))),
      renderButton(words.loadNow, async () => {
        await account.api("PUT", place.path, body);
        found.replaceChildren(h("p", {}, words.loadedNow(count)));
        await loaded();
      }),
    );
    await look(bordersOf(checked.borders));
  });
  file.addEventListener("change", () => found.replaceChildren());
  return h(
    "details",
    {},
    h("summary", {}, place.title),
    h("div", { class: "form" }, h("label", {}, h("span", {}, place.file), file), check, found),
  );
}
