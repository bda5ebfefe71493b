/** Shelters as the city tells of them, and how they are called in each language. Pure. */
import type { LonLat } from "../api/types";
import type { LanguageCode } from "../language/language";

export const OPENINGS = ["open", "full", "closed"] as const;
export type Opening = (typeof OPENINGS)[number];

export interface Shelter {
  readonly id: string;
  readonly name: string;
  readonly nameEn: string;
  readonly address: string;
  readonly location: LonLat;
  /** In people; 0 where nobody has said. */
  readonly capacity: number;
  readonly districts: readonly string[];
  readonly accessible: boolean;
  readonly pets: boolean;
  readonly power: boolean;
  readonly state: Opening;
  /** How many people are there; null where nobody has counted. */
  readonly count: number | null;
  readonly note: string;
  readonly revision: number;
}

const ja = {
  heading: "避難所",
  open: (count: number) => `開いている避難所 ${count}か所`,
  noneOpen: "開いている避難所はありません",
  state: { open: "開設", full: "満員", closed: "閉鎖" } as Readonly<Record<Opening, string>>,
  people: (count: number, capacity: number) => `${count}人${capacity > 0 ? `／定員${capacity}人` : ""}`,
  capacity: (capacity: number) => `定員${capacity}人`,
  accessible: "段差なし・車いす可",
  pets: "ペット可",
  power: "電源あり",
  noPower: "電源なし",
  tellSafety: "安否を知らせる・家族の安否を見る",
};

export type ShelterWords = typeof ja;

const en: ShelterWords = {
  heading: "Shelters",
  open: (count) => `${count} ${count === 1 ? "shelter is" : "shelters are"} open`,
  noneOpen: "No shelter is open",
  state: { open: "Open", full: "Full", closed: "Closed" },
  people: (count, capacity) => `${count} people${capacity > 0 ? ` of ${capacity}` : ""}`,
  capacity: (capacity) => `Room for ${capacity}`,
  accessible: "Step-free",
  pets: "Pets allowed",
  power: "Power",
  noPower: "No power",
  tellSafety: "Say that you are safe, see your family",
};

export function shelterWords(code: LanguageCode): ShelterWords {
  return code === "ja" ? ja : en;
}

/** The shelters of an answer, those that are open first; what is none is passed over. */
export function sheltersOf(answer: unknown): Shelter[] {
  const found =
    typeof answer === "object" && answer !== null && "shelters" in answer ? answer.shelters : null;
  if (!Array.isArray(found)) return [];
  const order = (one: Shelter) => OPENINGS.indexOf(one.state);
  return found.filter(isShelter).sort((a, b) => order(a) - order(b));
}

function isShelter(one: unknown): one is Shelter {
  if (typeof one !== "object" || one === null) return false;
  const fields = one as Record<string, unknown>;
  const { location, count } = fields;
  return (
    ["id", "name", "nameEn", "address", "note"].every((name) => typeof fields[name] === "string") &&
    ["accessible", "pets", "power"].every((name) => typeof fields[name] === "boolean") &&
    ["capacity", "revision"].every((name) => typeof fields[name] === "number") &&
    Array.isArray(fields.districts) &&
    Array.isArray(location) &&
    location.length === 2 &&
    location.every((part) => typeof part === "number") &&
    (count === null || typeof count === "number") &&
    OPENINGS.some((state) => state === fields.state)
  );
}

/** How full a shelter is and what it offers, in the order in which people ask. */
export function factsOf(shelter: Shelter, words: ShelterWords): string[] {
  const { count, capacity } = shelter;
  return [
    count !== null ? words.people(count, capacity) : capacity > 0 ? words.capacity(capacity) : "",
    shelter.accessible ? words.accessible : "",
    shelter.pets ? words.pets : "",
    shelter.power ? words.power : words.noPower,
  ].filter((text) => text !== "");
}
