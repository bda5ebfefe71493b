/** What the parts of the family's page share: whose tag it is, in which words, and how to draw again. */
import type { Account } from "../shared/account/session";
import type { Config, LonLat } from "../shared/api/types";
import type { LanguageCode } from "../shared/language/language";
import type { Settings, Tag, Wearer } from "./types";
import type { FamilyWords } from "./words";

export const ROOT = "/account/tags";

/** Everybody for whom the person may act, themself first, with the tags that they wear. */
export interface Family {
  readonly me: string;
  readonly wearers: readonly Wearer[];
  /** `wearer` null: somebody who lets the person see where they are, and no more. */
  readonly tags: readonly { readonly tag: Tag; readonly wearer: Wearer | null }[];
}

export interface Desk {
  readonly account: Account;
  readonly words: FamilyWords;
  readonly code: LanguageCode;
  readonly config: Config;
  readonly family: Family;
  /** Reads the family again and draws the page, with this tag chosen. */
  readonly open: (tag: string | null) => Promise<void>;
}

/** The desk with one tag to look at. */
export interface Look extends Desk {
  readonly tag: Tag;
  readonly settings: () => Settings;
}

/** The desk with one tag in the person's care. */
export interface View extends Look {
  readonly wearer: Wearer;
  /** Where the wearer was last seen, null where that is not known yet. */
  readonly lastSeen: () => LonLat | null;
  /** Reads places and rules again and draws what shows them. */
  readonly changed: () => Promise<void>;
}

export const pathOf = (tag: string, ...rest: readonly string[]) =>
  [ROOT, tag, ...rest].map((part, index) => (index === 0 ? part : encodeURIComponent(part))).join("/");
