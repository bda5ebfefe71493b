/** What an officer has begun to write: kept on the device, so that an expired session or a dead battery loses nothing. */
import type { Desk, Kind } from "./types";

export interface Draft {
  id: string;
  kind: Kind;
  /** 0: none is chosen yet. */
  level: number;
  /** Whether the officer chose it; otherwise it follows what is proposed for the districts. */
  levelChosen: boolean;
  reason: string;
  note: string;
  about: string | null;
  districts: string[];
}

export function emptyDraft(): Draft {
  // randomUUID needs https; a desk in the town hall may use plain http.
  const id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
  return {
    id,
    kind: "issue",
    level: 0,
    levelChosen: false,
    reason: "",
    note: "",
    about: null,
    districts: [],
  };
}

/** The gravest level proposed for these districts; 0 where none is: then the officer chooses without a suggestion. */
export function proposedFor(desk: Desk, districts: readonly string[]): number {
  const picked = desk.districts.filter((one) => districts.includes(one.id));
  return Math.max(0, ...picked.map((one) => one.proposal.level));
}

const key = (person: string) => `cityos.evacuation.draft.${person}`;

export function loadDraft(person: string): Draft {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(key(person)) ?? "null");
    return found === null ? emptyDraft() : { ...emptyDraft(), ...(found as Partial<Draft>) };
  } catch {
    return emptyDraft();
  }
}

export function keepDraft(person: string, draft: Draft): void {
  try {
    localStorage.setItem(key(person), JSON.stringify(draft));
  } catch {
    // A browser that keeps nothing: the draft lives as long as the page.
  }
}

export function dropDraft(person: string): void {
  try {
    localStorage.removeItem(key(person));
  } catch {
    // As above.
  }
}

/** What is sent: the draft with each district's revision as the officer saw it. */
export function wishOf(draft: Draft, revisions: ReadonlyMap<string, number>): Record<string, unknown> {
  const seen = Object.fromEntries(draft.districts.map((name) => [name, revisions.get(name) ?? 0]));
  return {
    id: draft.id,
    kind: draft.kind,
    level: draft.kind === "issue" ? draft.level : 0,
    reason: draft.reason,
    note: draft.note,
    about: draft.about,
    seen,
  };
}
