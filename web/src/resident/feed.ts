/** Keeps the state true: the first load, the event stream, and asking again when the stream is silent or lost. */
import { applyChange, levelOf } from "../shared/api/apply";
import { type Api, ApiError } from "../shared/api/client";
import { DecodeError, decodeChange } from "../shared/api/decode";
import type { Change, Gauge } from "../shared/api/types";
import { backoffMs } from "../shared/stream/backoff";
import { ChangeStream, type StreamPorts, type StreamState } from "../shared/stream/stream";
import type { CityClock } from "../shared/time/clock";
import type { Store } from "./state";

/** How often the gateway is asked while the stream is lost or says nothing. */
const POLL_MS = 60_000;
/** More changes than this during one answer are not kept: the gateway is asked once more instead. */
const MOST_MEANWHILE = 2_000;
/**
 * Changes come in bursts: after one, wait this long (and up to twice, by chance) before asking for the list. Longer than
 * the second for which the city gives one answer to all: what is asked for after a change must not be from before it.
 */
const SETTLE_MS = 1_100;

function newest(gauges: readonly Gauge[] | null): number {
  return (gauges ?? []).reduce((latest, gauge) => Math.max(latest, gauge.observedAt?.getTime() ?? 0), 0);
}

export class Feed {
  private readonly stream: ChangeStream;
  private fetching = false;
  /** Changes that came while an answer was under way, which may be older than they are. */
  private meanwhile: Change[] = [];
  private again = false;
  private configured = false;
  private failures = 0;
  private cancelSoon: (() => void) | null = null;
  private cancelRetry: (() => void) | null = null;
  private heardAt = 0;
  private askedAt = 0;

  constructor(
    private readonly api: Api,
    private readonly store: Store,
    private readonly clock: CityClock,
    private readonly ports: StreamPorts,
    private readonly steady: () => number,
  ) {
    this.stream = new ChangeStream(api.eventsUrl, ports, {
      state: (state) => this.onStream(state),
      change: (data) => this.onChange(data),
      gap: () => this.refreshSoon(),
    });
  }

  /** Loads everything, opens the stream and goes on for as long as the page lives. */
  start(): void {
    this.refresh();
    this.stream.start();
    this.pollLater();
  }

  /** Somebody looks at the page again: it may have slept for hours. */
  wake(): void {
    if (this.steady() - this.askedAt > 10_000) this.refresh();
  }

  /** The phone says that it has no network. An open stream would go on looking live for as long as nobody closes it. */
  offline(): void {
    this.stream.lose();
  }

  /** The phone has its network back: the next try need not be waited for. */
  online(): void {
    this.stream.start();
    this.refresh();
  }

  private onStream(state: StreamState): void {
    this.heardAt = this.steady();
    const before = this.store.get().stream;
    this.store.set({ stream: state });
    if (state === "live" && before === "lost") {
      // The gateway may have been started anew, as another mode or version.
      this.configured = false;
      this.refresh();
    }
  }

  private onChange(data: string): void {
    this.heardAt = this.steady();
    const { gauges } = this.store.get();
    if (gauges === null) return;
    try {
      const change = decodeChange(JSON.parse(data));
      const level = levelOf(change.attributes.waterLevel);
      if (level !== null) this.clock.observe(level.observedAt);
      if (this.fetching) this.keep(change);
      const applied = applyChange(gauges, change);
      this.store.set({ gauges: applied.gauges });
      if (applied.refetch.length > 0) this.refreshSoon();
    } catch (error) {
      if (!(error instanceof DecodeError || error instanceof SyntaxError)) throw error;
      console.warn(`event not understood: ${error.message}`);
      this.refreshSoon();
    }
  }

  private keep(change: Change): void {
    if (this.meanwhile.length < MOST_MEANWHILE) this.meanwhile.push(change);
    else this.again = true;
  }

  private refreshSoon(): void {
    if (this.cancelSoon !== null) return;
    this.cancelSoon = this.ports.later(SETTLE_MS * (1 + this.ports.random()), () => {
      this.cancelSoon = null;
      this.refresh();
    });
  }

  private pollLater(): void {
    this.ports.later(POLL_MS, () => {
      const quiet = this.steady() - this.heardAt >= POLL_MS;
      if (quiet || this.stream.state !== "live") this.refresh(quiet);
      this.pollLater();
    });
  }

  /** One question at a time; whoever asks meanwhile gets another one right after. */
  private refresh(checkStream = false): void {
    if (this.fetching) {
      this.again = true;
      return;
    }
    this.fetching = true;
    this.meanwhile = [];
    void this.load(checkStream).finally(() => {
      this.fetching = false;
      if (this.again) {
        this.again = false;
        this.refresh();
      }
    });
  }

  private async load(checkStream: boolean): Promise<void> {
    this.askedAt = this.steady();
    const before = newest(this.store.get().gauges);
    try {
      if (!this.configured) await this.loadConfig();
      const [snapshot, alerts] = await Promise.all([this.api.gauges(), this.api.alerts()]);
      if (snapshot.now !== null) this.clock.sync(snapshot.now);
      this.failures = 0;
      this.cancelRetry?.();
      const gauges = this.meanwhile.reduce(
        (known, change) => applyChange(known, change).gauges,
        snapshot.gauges,
      );
      this.store.set({ gauges, alerts, failed: false, answeredAt: this.clock.now() });
      // News that the "live" stream did not bring: its connection is dead without having said so.
      const missed = checkStream && newest(snapshot.gauges) > before;
      if (missed && this.stream.state === "live") this.stream.start();
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof DecodeError)) throw error;
      console.warn(error.message);
      this.store.set({ failed: true });
      // Neither an event for a minute nor an answer: what is shown as live is not.
      if (checkStream && this.stream.state === "live") this.stream.lose();
      await this.loadKept();
      this.cancelRetry?.();
      this.cancelRetry = this.ports.later(backoffMs(this.failures, this.ports.random()), () =>
        this.refresh(),
      );
      this.failures += 1;
    }
  }

  /** The city does not answer: what was kept of it is shown with its time, unless what stands here is newer. */
  private async loadKept(): Promise<void> {
    try {
      const { now, gauges, alerts, age } = await this.api.snapshot();
      const { answeredAt } = this.store.get();
      if (now === null || (answeredAt !== null && now <= answeredAt)) return;
      if (this.clock.now() === null) this.clock.sync(new Date(now.getTime() + age * 1_000));
      this.store.set({ gauges, alerts, answeredAt: now });
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof DecodeError)) throw error;
      console.warn(error.message);
    }
  }

  private async loadConfig(): Promise<void> {
    const config = await this.api.config();
    this.clock.mode = config.mode;
    this.clock.sync(config.now);
    this.configured = true;
    this.store.set({ config });
  }
}
