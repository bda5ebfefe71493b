/** Fetches the chosen gauge's hydrograph, again when the gauge has a new value. */
import { type Api, ApiError } from "../shared/api/client";
import { DecodeError } from "../shared/api/decode";
import type { CityClock } from "../shared/time/clock";
import type { State, Store } from "./state";

const HOUR = 3_600_000;
/** A replay brings many values a second; one question a second is enough for the eye. */
const LEAST_PAUSE_MS = 1_000;

/** What the chart depends on: it is fetched anew when this text changes. */
function keyOf({ selected, hours, gauges }: State): string | null {
  if (selected === null || gauges === null) return null;
  const gauge = gauges.find(({ id }) => id === selected);
  return [selected, hours, gauge?.observedAt?.getTime(), gauge?.level].join(" ");
}

export class ChartFeed {
  private key: string | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly api: Api,
    private readonly store: Store,
    private readonly clock: CityClock,
  ) {
    store.subscribe((state, before) => this.follow(state, before));
  }

  /** After a failure, because the person asked. */
  retry(): void {
    void this.fetch();
  }

  /** Just after the city's present and the newest reading: the gateway answers until before `to`. */
  private end(): Date | null {
    const { selected, gauges } = this.store.get();
    const now = this.clock.now();
    if (now === null) return null;
    const newest = gauges?.find(({ id }) => id === selected)?.observedAt ?? now;
    return new Date(Math.max(now.getTime(), newest.getTime()) + 60_000);
  }

  private follow(state: State, before: State): void {
    const key = keyOf(state);
    if (key === this.key) return;
    this.key = key;
    if (key === null) return;
    const other =
      state.selected !== before.selected || state.hours !== before.hours || before.gauges === null;
    if (other) this.store.set({ chart: { kind: "loading" } });
    if (this.timer !== null && !other) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.fetch(), other ? 0 : LEAST_PAUSE_MS);
  }

  private async fetch(): Promise<void> {
    this.timer = null;
    const { selected, hours } = this.store.get();
    const to = this.end();
    if (selected === null || to === null) return;
    const from = new Date(to.getTime() - hours * HOUR);
    const stillAsked = () => this.store.get().selected === selected && this.store.get().hours === hours;
    try {
      const hydrograph = await this.api.hydrograph(selected, from, to);
      if (stillAsked()) this.store.set({ chart: { kind: "ready", hydrograph, from, to } });
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof DecodeError)) throw error;
      console.warn(error.message);
      if (stillAsked()) this.store.set({ chart: { kind: "failed" } });
    }
  }
}
