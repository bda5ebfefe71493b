/**
 * The city's event stream (server-sent events), kept open for as long as the page lives.
 *
 * The first time a connection breaks the browser reconnects by itself and sends `Last-Event-ID`, so that nothing is
 * missed. If that fails as well, we take over with a growing pause; a stream opened anew starts at the present, so
 * whoever listens asks for everything once the state is `live` again.
 */
import { backoffMs } from "./backoff";

export type StreamState = "connecting" | "live" | "lost";

/** What we use of the browser's `EventSource`. */
export interface Source {
  readonly readyState: number;
  onopen: ((event: Event) => void) | null;
  onerror: ((event: Event) => void) | null;
  addEventListener(type: "change" | "gap", listener: (event: MessageEvent<string>) => void): void;
  close(): void;
}

export interface StreamPorts {
  open(url: string): Source;
  /** Calls back once after `ms`; the answer cancels. */
  later(ms: number, callback: () => void): () => void;
  random(): number;
}

export interface StreamEvents {
  state(state: StreamState): void;
  change(data: string): void;
  /** The gateway could not keep what happened meanwhile: ask for everything anew. */
  gap(): void;
}

const CLOSED = 2;

export class ChangeStream {
  private source: Source | null = null;
  private cancelRetry: (() => void) | null = null;
  private failures = 0;
  private current: StreamState = "connecting";

  constructor(
    private readonly url: string,
    private readonly ports: StreamPorts,
    private readonly events: StreamEvents,
  ) {}

  get state(): StreamState {
    return this.current;
  }

  start(): void {
    this.close();
    const source = this.ports.open(this.url);
    this.source = source;
    source.onopen = () => {
      this.failures = 0;
      this.become("live");
    };
    source.onerror = () => this.failed(source);
    source.addEventListener("change", (event) => this.events.change(event.data));
    source.addEventListener("gap", () => this.events.gap());
  }

  /** Nothing comes through, though the connection may not have said that it is dead: say so and connect anew. */
  lose(): void {
    this.become("lost");
    this.failures += 1;
    this.startLater();
  }

  close(): void {
    this.cancelRetry?.();
    this.cancelRetry = null;
    this.source?.close();
    this.source = null;
  }

  private failed(source: Source): void {
    if (source !== this.source) return;
    this.become("lost");
    this.failures += 1;
    if (this.failures === 1 && source.readyState !== CLOSED) return;
    this.startLater();
  }

  private startLater(): void {
    this.close();
    const wait = backoffMs(Math.max(0, this.failures - 2), this.ports.random());
    this.cancelRetry = this.ports.later(wait, () => this.start());
  }

  private become(state: StreamState): void {
    if (state === this.current) return;
    this.current = state;
    this.events.state(state);
  }
}

/** The ports on a real browser. */
export const browserPorts: StreamPorts = {
  open: (url) => new EventSource(url),
  later: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};
