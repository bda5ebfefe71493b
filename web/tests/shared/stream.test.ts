import { describe, expect, it } from "vitest";
import { backoffMs } from "../../src/shared/stream/backoff";
import { ChangeStream, type Source, type StreamPorts } from "../../src/shared/stream/stream";

const CONNECTING = 0;
const CLOSED = 2;

class Wire implements Source {
  readyState = CONNECTING;
  onopen: ((event: Event) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  private readonly listeners = new Map<string, (event: MessageEvent<string>) => void>();

  addEventListener(type: "change" | "gap", listener: (event: MessageEvent<string>) => void): void {
    this.listeners.set(type, listener);
  }

  close(): void {
    this.readyState = CLOSED;
  }

  open(): void {
    this.onopen?.(new Event("open"));
  }

  fail(readyState: number): void {
    this.readyState = readyState;
    this.onerror?.(new Event("error"));
  }

  say(type: string, data: string): void {
    this.listeners.get(type)?.(new MessageEvent(type, { data }));
  }
}

function setUp() {
  const wires: Wire[] = [];
  const waits: { ms: number; run: () => void; cancelled: boolean }[] = [];
  const ports: StreamPorts = {
    open: () => {
      const wire = new Wire();
      wires.push(wire);
      return wire;
    },
    later: (ms, run) => {
      const wait = { ms, run, cancelled: false };
      waits.push(wait);
      return () => {
        wait.cancelled = true;
      };
    },
    random: () => 1,
  };
  const heard: string[] = [];
  const stream = new ChangeStream("/events", ports, {
    state: (state) => heard.push(state),
    change: (data) => heard.push(`change ${data}`),
    gap: () => heard.push("gap"),
  });
  stream.start();
  const last = () => wires[wires.length - 1] as Wire;
  return { stream, wires, waits, heard, last };
}

describe("ChangeStream", () => {
  it("tells when it lives and hands on changes and gaps", () => {
    const { heard, last } = setUp();
    last().open();
    last().say("change", "{}");
    last().say("gap", "{}");
    expect(heard).toEqual(["live", "change {}", "gap"]);
  });

  it("leaves the first reconnection to the browser, which sends Last-Event-ID", () => {
    const { heard, last, wires, waits } = setUp();
    last().open();
    last().fail(CONNECTING);
    expect(heard).toEqual(["live", "lost"]);
    expect(wires).toHaveLength(1);
    expect(waits).toHaveLength(0);
    last().open();
    expect(heard.at(-1)).toBe("live");
  });

  it("is lost and opened anew when its owner finds that nothing comes through", () => {
    const { stream, heard, wires, waits } = setUp();
    wires[0]?.open();
    stream.lose();
    expect(heard).toEqual(["live", "lost"]);
    expect(wires[0]?.readyState).toBe(CLOSED);
    waits.at(-1)?.run();
    wires[1]?.open();
    expect(heard.at(-1)).toBe("live");
  });

  it("takes over with growing pauses when that fails too, and starts over after a success", () => {
    const { last, wires, waits } = setUp();
    last().open();
    last().fail(CONNECTING);
    last().fail(CONNECTING);
    for (let tries = 0; tries < 3; tries += 1) {
      waits.at(-1)?.run();
      last().fail(CLOSED);
    }
    expect(waits.map((wait) => wait.ms)).toEqual([2000, 4000, 8000, 16000]);
    expect(wires[0]?.readyState).toBe(CLOSED);
    waits.at(-1)?.run();
    last().open();
    last().fail(CLOSED);
    expect(waits.at(-1)?.ms).toBe(2000);
  });

  it("ignores a source that it has left, and waits for nothing once closed", () => {
    const { stream, heard, wires, waits, last } = setUp();
    last().fail(CLOSED);
    stream.close();
    expect(waits[0]?.cancelled).toBe(true);
    wires[0]?.fail(CLOSED);
    expect(waits).toHaveLength(1);
    expect(heard).toEqual(["lost"]);
  });
});

describe("backoffMs", () => {
  it("grows to a minute and is spread over half of it", () => {
    expect(backoffMs(0, 0)).toBe(1000);
    expect(backoffMs(0, 1)).toBe(2000);
    expect(backoffMs(100, 1)).toBe(60_000);
    expect(backoffMs(100, 0)).toBe(30_000);
  });
});
