/**
 * What the driver has reported and the city has not confirmed: kept on the tablet until it has, in order, also through
 * a tunnel, a reload or an empty battery. Each report carries an id made here, so that sending twice counts once.
 */
import type { Break, Report, Task, What } from "../shared/bus/types";

const KEY = "cityos.bus.reports";
/** As many as the gateway takes at once. */
const AT_ONCE = 200;

/** A report and the bus that it is about: a driver who changes buses has things left to say of the first. */
export interface Kept extends Report {
  readonly vehicle: string;
}

export type Post = (vehicle: string, reports: readonly Report[]) => Promise<readonly Heard[]>;

export interface Heard {
  readonly id: string;
  readonly accepted: boolean;
  readonly because: string;
}

export class ReportQueue {
  private reports: readonly Kept[];
  private sending: Promise<readonly Heard[]> | null = null;

  constructor(private readonly storage: Pick<Storage, "getItem" | "setItem">) {
    this.reports = read(storage.getItem(KEY));
  }

  get waiting(): readonly Kept[] {
    return this.reports;
  }

  /** Kept before it is shown as done. */
  add(vehicle: string, booking: string, what: What, at: Date): void {
    this.keep([...this.reports, { vehicle, id: crypto.randomUUID(), booking, what, at: at.toISOString() }]);
  }

  /** Sends what waits, one sending at a time. What was heard leaves the queue, refused or not; else it all stays. */
  async send(post: Post): Promise<readonly Heard[]> {
    this.sending ??= this.sendAll(post).finally(() => {
      this.sending = null;
    });
    return this.sending;
  }

  private async sendAll(post: Post): Promise<Heard[]> {
    const refused: Heard[] = [];
    for (let first = this.reports[0]; first !== undefined; first = this.reports[0]) {
      const { vehicle } = first;
      const its = this.reports.filter((report) => report.vehicle === vehicle).slice(0, AT_ONCE);
      const heard = await post(
        vehicle,
        its.map(({ id, booking, what, at }) => ({ id, booking, what, at })),
      );
      const known = new Set(heard.map((one) => one.id));
      const left = this.reports.filter((report) => !known.has(report.id));
      if (left.length === this.reports.length) break;
      this.keep(left);
      refused.push(...heard.filter((one) => !one.accepted));
    }
    return refused;
  }

  private keep(reports: readonly Kept[]): void {
    this.storage.setItem(KEY, JSON.stringify(reports));
    this.reports = reports;
  }
}

function read(text: string | null): Kept[] {
  try {
    const found: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(found) ? (found as Kept[]) : [];
  } catch {
    return [];
  }
}

/** The tasks that are not done, by the city's knowledge and by what waits on the tablet. Pure. */
export function pending(tasks: readonly Task[], waiting: readonly Report[]): Task[] {
  const said = (booking: string, ...whats: readonly What[]) =>
    waiting.some((report) => report.booking === booking && whats.includes(report.what));
  return tasks.filter(
    (task) =>
      task.done === null &&
      task.state === "booked" &&
      !(task.boards ? said(task.booking, "boarded", "no-show") : said(task.booking, "alighted", "no-show")),
  );
}

/** The tasks of the next stop: those at the head of the list that are at one place. Pure. */
export function nextStop(tasks: readonly Task[]): Task[] {
  const first = tasks[0];
  if (first === undefined) return [];
  const end = tasks.findIndex((task) => task.stop !== first.stop);
  return tasks.slice(0, end < 0 ? tasks.length : end);
}

/** The break that comes before the next stop, if one does, and those behind it. Breaks that are over are left out. */
export function breaksAround(
  breaks: readonly Break[],
  next: Task | undefined,
  now: Date,
): [Break | undefined, Break[]] {
  const left = breaks.filter((one) => Date.parse(one.until) > now.getTime());
  const [first, ...behind] = left;
  const before =
    first !== undefined && (next === undefined || Date.parse(first.from) < Date.parse(next.expected));
  return before ? [first, behind] : [undefined, left];
}
