/** A purchase that was sent and not answered: kept on the phone, sent again under the same id until it is answered. */
import { Refused } from "../shared/account/session";

export interface Sale {
  readonly id: string;
  readonly yen: number;
  readonly points: number;
  readonly code: string | null;
  readonly card: string | null;
  readonly tillClock: string;
}

const KEY = "cityos.points.sale";
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;

/** Whether the city has not decided: no answer, too busy, or it asks to log in again. */
export function undecided(error: unknown): boolean {
  return error instanceof Refused && (error.status === 0 || error.status >= 500 || error.status === 429);
}

/** Keeps a sale before it is sent. A card's PIN is never kept. */
export function keep(sale: Sale): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(sale));
  } catch {
    // Without storage a reload forgets the sale; the list of sales shows what became of it.
  }
}

export function kept(): Sale | null {
  try {
    const text = sessionStorage.getItem(KEY);
    return text === null ? null : (JSON.parse(text) as Sale);
  } catch {
    return null;
  }
}

export function forget(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Nothing was kept.
  }
}

/** Calls `send` until the city decides; `waiting` hears of each try that got no answer. Stops when told to. */
export async function untilAnswered<T>(
  send: () => Promise<T>,
  waiting: (tries: number) => void,
  stopped: () => boolean,
): Promise<T> {
  let pause = FIRST_PAUSE_MS;
  for (let tries = 1; ; tries += 1) {
    try {
      return await send();
    } catch (error) {
      if (!undecided(error) || stopped()) throw error;
      waiting(tries);
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (stopped()) throw error;
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }
}
