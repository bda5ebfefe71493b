/** What the buses' pages share: who may be here, choosing stops, quoting, and a list of bookings. */
import { openFor, type Title } from "../account/desk";
import { type Account, Refused } from "../account/session";
import { h } from "../dom/h";
import { renderButton, say } from "../form/form";
import type { LanguageCode } from "../language/language";
import { clock, dayOf, dayText } from "./time";
import type { Booking, Offer, Ride, Stop } from "./types";
import { type BusWords, busWords } from "./words";

export const BUSES = "/api/v1/buses";

export interface BusPage {
  readonly main: HTMLElement;
  readonly account: Account;
  readonly words: BusWords;
  readonly code: LanguageCode;
}

export const path = (...parts: readonly string[]) => [BUSES, ...parts.map(encodeURIComponent)].join("/");

/** Opens a page for people who hold `scope`; others log in, or are told. */
export function openBusPage(title: Title, scope: string, draw: (page: BusPage) => Promise<void>): void {
  openFor(title, scope, (main, account, code) => draw({ main, account, code, words: busWords(code) }));
}

export async function stopsOf(account: Account): Promise<Stop[]> {
  return (await account.api<{ stops: Stop[] }>("GET", path("stops"))).stops;
}

/** A text field that offers the open stops by name. */
export function stopList(stops: readonly Stop[], id: string): HTMLElement {
  return h(
    "datalist",
    { id },
    ...stops
      .filter((stop) => stop.closedBecause === null)
      .map((stop) => h("option", { value: stop.name }, stop.id === stop.name ? "" : stop.id)),
  );
}

/** The stop that was typed, by its name or the only one that contains it. Throws what to say. */
export function stopNamed(stops: readonly Stop[], text: string, words: BusWords): Stop {
  const wanted = text.trim();
  const exact = stops.find((stop) => stop.name === wanted || stop.id === wanted);
  const near = stops.filter((stop) => wanted !== "" && stop.name.includes(wanted));
  const found = exact ?? (near.length === 1 ? near[0] : undefined);
  if (found === undefined) throw new Error(words.noSuchStop(wanted));
  return found;
}

/** The rider has the very same ride already: `existing` is its id. */
export class BookedAlready extends Error {
  override name = "BookedAlready";
  constructor(
    message: string,
    readonly existing: string,
  ) {
    super(message);
  }
}

/** What riders may meet any day, in the reader's words; what is left is a fault that the gateway names. */
function toldOf(error: unknown, words: BusWords, conflict: string): unknown {
  if (!(error instanceof Refused)) return error;
  if (error.existing !== "") return new BookedAlready(words.sameUnknown, error.existing);
  if (error.status === 409) return new Error(conflict);
  const { tooMany: seats, noWay: destination, taken: promise } = words;
  const said: Readonly<Record<string, string>> = { seats, destination, promise };
  return error.status === 400 && said[error.field] !== undefined ? new Error(said[error.field]) : error;
}

/** Offers for a ride, or an error in the reader's words when nobody has room. */
export async function quote(
  account: Account,
  words: BusWords,
  ride: Ride,
  address = path("quotes"),
): Promise<Offer[]> {
  try {
    return (await account.api<{ offers: Offer[] }>("POST", address, ride)).offers;
  } catch (error) {
    throw toldOf(error, words, words.full);
  }
}

/** Sends what books an offer; says it when somebody else was quicker. Rejects with `BookedAlready` too. */
export async function bookOffer<T>(words: BusWords, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    throw toldOf(error, words, words.taken);
  }
}

/** Whether this is a place of a rider's own in a zone, and no stop for everybody. */
export const isPlace = (id: string) => id.startsWith("place-");

export function nameOf(stops: readonly Stop[], id: string, ownPlace = id): string {
  return stops.find((stop) => stop.id === id)?.name ?? (isPlace(id) ? ownPlace : id);
}

/** 11月24日(火) 9:00〜9:15 駅 → 病院 */
export function rideText(
  booking: Booking,
  stops: readonly Stop[],
  words: BusWords,
  code: LanguageCode,
): string {
  const { pickupFrom, pickupUntil } = booking.promise;
  const day = dayText(dayOf(new Date(pickupFrom)), code);
  const when = words.window(clock(pickupFrom), clock(pickupUntil));
  const [from, to] = [booking.origin, booking.destination].map((id) => nameOf(stops, id, words.ownPlace));
  return `${day} ${when} ${from} → ${to}`;
}

/** A button that asks once more before it cancels. */
export function cancelButton(
  account: Account,
  words: BusWords,
  address: string,
  after: () => Promise<void>,
): HTMLElement {
  const place = h("span", { class: "row" });
  const first = h("button", { class: "button", type: "button" }, words.cancel);
  const reset = () => place.replaceChildren(first);
  first.addEventListener("click", () => {
    const sure = renderButton(words.cancelSure, async () => {
      try {
        await account.api("DELETE", address);
      } catch (error) {
        if (error instanceof Refused && error.status === 409) throw new Error(words.onItsWay);
        throw error;
      }
      await after();
      say(words.cancelled);
    });
    const keep = h("button", { class: "button", type: "button" }, words.keep);
    keep.addEventListener("click", reset);
    place.replaceChildren(sure, keep);
    sure.focus();
  });
  reset();
  return place;
}
