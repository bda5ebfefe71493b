/** Which language to speak: the address, then what was chosen before, then Japanese. */
import type { Dictionary } from "./dictionary";
import { en } from "./en";
import { ja } from "./ja";

export type LanguageCode = Dictionary["code"];

const KEY = "cityos.language";
const DICTIONARIES: Readonly<Record<LanguageCode, Dictionary>> = { ja, en };

function known(code: string | null): LanguageCode | null {
  return code === "ja" || code === "en" ? code : null;
}

/** Pure: `search` is the address's query, `remembered` what was chosen before. */
export function chooseLanguage(search: string, remembered: string | null): Dictionary {
  const asked = known(new URLSearchParams(search).get("lang"));
  return DICTIONARIES[asked ?? known(remembered) ?? "ja"];
}

/** Null where the browser forbids storage (private mode): the choice then lasts for this page only. */
export function rememberedLanguage(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Keeps the choice for the next visit and in the address, so that the page can be shared as it is seen. */
export function rememberLanguage(code: LanguageCode): void {
  try {
    localStorage.setItem(KEY, code);
  } catch {
    // The address below still holds the choice.
  }
  const url = new URL(location.href);
  url.searchParams.set("lang", code);
  history.replaceState(history.state, "", url);
}

export function dictionaryOf(code: LanguageCode): Dictionary {
  return DICTIONARIES[code];
}
