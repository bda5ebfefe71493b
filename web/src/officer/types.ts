/** What the desk's routes answer with. */
export type Kind = "issue" | "correct" | "lift" | "withdraw";

export interface Evidence {
  readonly sign: {
    readonly gauge: string;
    readonly name: string;
    readonly level: number | null;
    readonly observedAt: string | null;
    readonly evacuation: number | null;
    readonly danger: number | null;
    readonly ahead: readonly {
      readonly lead: number;
      readonly level: number;
      readonly low: number;
      readonly high: number;
    }[];
  };
  readonly means: number;
  readonly why: string;
}

/** Rain, a dam or a flood notice, in the service's words. */
export interface Around {
  readonly source: string;
  readonly name: string;
  readonly words: string;
  readonly observedAt: string | null;
  readonly means: number;
}

export interface District {
  readonly id: string;
  readonly name: string;
  readonly households: number;
  readonly people: number;
  readonly needHelp: number;
  readonly cameras: readonly string[];
  readonly proposal: {
    readonly level: number;
    readonly evidence: readonly Evidence[];
    readonly missing: readonly string[];
    readonly around: readonly Around[];
    /** How the rule did in past floods; null where it never proposed this level here. */
    readonly past: {
      readonly floods: number;
      readonly graver: number;
      readonly minutes: number | null;
    } | null;
    readonly since: string | null;
    readonly answeredAt: string | null;
    /** When it was last told again because nobody had answered, and how often so far. */
    readonly escalatedAt: string | null;
    readonly raised: number;
  };
  readonly standing: { readonly level: number; readonly order: string | null; readonly revision: number };
}

export interface Officer {
  readonly id: string;
  readonly name: string;
}

export interface Order {
  readonly id: string;
  readonly kind: Kind;
  readonly state: "waiting" | "issued" | "refused";
  readonly level: number;
  readonly districts: readonly string[];
  readonly reason: string;
  readonly note: string;
  readonly askedBy: Officer;
  readonly decidedBy: Officer | null;
  readonly askedAt: string;
  readonly issuedAt: string | null;
  readonly words: { readonly headline: string; readonly text: string } | null;
  /** How often it was told again because nobody had confirmed, and when last. */
  readonly raised: number;
  readonly raisedAt: string | null;
}

export interface Delivery {
  readonly channel: string;
  readonly state: string;
  readonly count: number;
}

export interface Desk {
  readonly now: string;
  readonly mode: "actual" | "exercise" | "test";
  readonly secondPerson: boolean;
  readonly levels: Readonly<
    Record<string, { readonly ja: string; readonly en: string; readonly colour: string }>
  >;
  readonly districts: readonly District[];
  readonly orders: readonly Order[];
}

export interface Preview {
  readonly words: {
    readonly headline: string;
    readonly text: string;
    readonly easy: string;
    readonly text_en: string;
  };
  readonly households: number;
  readonly people: number;
  readonly needHelp: number;
  readonly channels: Readonly<Record<string, number>>;
  readonly web: boolean;
  readonly secondPerson: boolean;
}

export interface Line {
  readonly number: number;
  readonly at: string;
  readonly cityAt: string;
  readonly kind: string;
  readonly actorName: string;
  readonly text: string;
}
