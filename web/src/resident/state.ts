/** All that the page knows. One value; views draw it and change it only through the store. */

import type { Alert, Config, Gauge, Hydrograph } from "../shared/api/types";
import type { Dictionary } from "../shared/language/dictionary";
import type { Area } from "../shared/map/areas";
import type { Shelter } from "../shared/shelter/shelter";
import type { StreamState } from "../shared/stream/stream";

export type Hours = 24 | 72;

/** The chart's data: being fetched, not to be had, or here, with the time span that was asked for. */
export type ChartState =
  | { readonly kind: "loading" }
  | { readonly kind: "failed" }
  | { readonly kind: "ready"; readonly hydrograph: Hydrograph; readonly from: Date; readonly to: Date };

export interface State {
  readonly words: Dictionary;
  readonly config: Config | null;
  readonly gauges: readonly Gauge[] | null;
  readonly alerts: readonly Alert[] | null;
  /** Districts under a notice, for the map, in the words of the language shown. */
  readonly areas: readonly Area[];
  readonly shelters: readonly Shelter[];
  readonly stream: StreamState;
  /** The gateway could not be reached the last time we asked. */
  readonly failed: boolean;
  /** The city's time of the last answer; null before the first. */
  readonly answeredAt: Date | null;
  readonly query: string;
  /** The chosen gauge's id, or null for the list. */
  readonly selected: string | null;
  readonly hours: Hours;
  readonly chart: ChartState;
}

export function initialState(words: Dictionary, selected: string | null): State {
  return {
    words,
    config: null,
    gauges: null,
    alerts: null,
    areas: [],
    shelters: [],
    stream: "connecting",
    failed: false,
    answeredAt: null,
    query: "",
    selected,
    hours: 24,
    chart: { kind: "loading" },
  };
}

type Listener = (state: State, before: State) => void;

/** Holds the state; listeners hear of a burst of changes once. */
export class Store {
  private told: State;
  private waiting = false;
  private readonly listeners: Listener[] = [];

  constructor(private current: State) {
    this.told = current;
  }

  get(): State {
    return this.current;
  }

  set(change: Partial<State>): void {
    this.current = { ...this.current, ...change };
    if (this.waiting) return;
    this.waiting = true;
    queueMicrotask(() => this.tell());
  }

  subscribe(listener: Listener): void {
    this.listeners.push(listener);
  }

  /** Tells the listeners again although nothing changed: time has passed. */
  tell(): void {
    this.waiting = false;
    const before = this.told;
    this.told = this.current;
    for (const listener of this.listeners) listener(this.current, before);
  }
}
