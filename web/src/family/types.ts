/** What the family's routes answer with (`/account/tags`). Times are ISO 8601. */
import type { LonLat } from "../shared/api/types";

export interface Tag {
  readonly id: string;
  readonly name: string;
  readonly since: string;
}

export interface Wearer {
  readonly id: string;
  readonly name: string;
}

export interface Polygon {
  readonly type: "Polygon";
  readonly coordinates: readonly (readonly LonLat[])[];
}

export interface Place {
  readonly id: string;
  readonly name: string;
  readonly polygon: Polygon;
}

export const KINDS = ["enter", "leave", "not-arrived", "unseen", "outside", "battery-low"] as const;
export type Kind = (typeof KINDS)[number];

/** A wish to be told. What is left out is as it is by default (`services.presence.rules.Rule`). */
export interface Rule {
  readonly id: string;
  readonly kind: Kind;
  readonly place?: string;
  readonly by?: string;
  readonly days?: readonly number[];
  readonly minutes?: number;
}

export interface Settings {
  readonly name: string;
  readonly places: readonly Place[];
  readonly rules: readonly Rule[];
}

export interface Presence {
  readonly id: string;
  readonly name: string;
  readonly status: "at-place" | "staying" | "moving" | "unseen" | "unknown";
  readonly since: string | null;
  readonly places: readonly { readonly id: string; readonly name: string }[];
  readonly seenAt: string | null;
  readonly location: { readonly coordinates: LonLat } | null;
  /** Metres. */
  readonly accuracy: number | null;
  /** Percent. */
  readonly battery: number | null;
  /** When a detection could not be true. */
  readonly doubtAt: string | null;
}

export interface Fix {
  readonly at: string;
  readonly location: LonLat;
  readonly accuracy: number;
}

export interface TagEvent {
  readonly kind: string;
  readonly place: string;
  readonly at: string;
  readonly withdrawn: boolean;
}

export interface Day {
  readonly day: string;
  readonly path: readonly Fix[];
  readonly events: readonly TagEvent[];
}
