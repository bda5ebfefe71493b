/** The ride's form at the operator's desk, its offers, and what to read to the caller. */
import { BookedAlready, type BusPage, bookOffer, nameOf, path, quote, rideText } from "../shared/bus/page";
import type { Area } from "../shared/bus/place";
import { clock, dayOf, daysAfter, dayText, instant, soon } from "../shared/bus/time";
import type { Booking, Offer, Payment, Ride, Rider, Stop } from "../shared/bus/types";
import {
  bookingsOf,
  type Days,
  failedDays,
  paymentField,
  type Weekly,
  weeklyField,
} from "../shared/bus/weekly";
import { h } from "../shared/dom/h";
import { attempt, renderButton, say } from "../shared/form/form";
import { endFields } from "./ends";

interface Wanted {
  readonly there: Ride;
  readonly back: Ride | null;
  readonly weekly: Weekly | null;
  readonly payment: Payment;
  /** What to say of the ways on foot. */
  readonly walks: readonly string[];
  /** The stops, and the rider's places with those chosen now. */
  readonly known: readonly Stop[];
}

export interface RideDesk {
  readonly page: BusPage;
  readonly area: Area;
  /** The stops, and the places of the rider's own. */
  readonly known: readonly Stop[];
  readonly rider: Rider;
  /** The rider's bookings, in whatever state. */
  readonly booked: readonly Booking[];
  /** Where the rider went last. */
  readonly usual: string | null;
  /** The booking that the new ride takes the place of. */
  readonly instead: Booking | null;
  readonly done: () => void;
}

function field(label: string, control: HTMLElement): HTMLElement {
  return h("label", {}, h("span", {}, label), control);
}

/** The form; Enter looks for room, and the cursor goes to the first offer. */
export function drawRide(desk: RideDesk): HTMLElement {
  const { page, rider, instead } = desk;
  const { words } = page;
  const now = new Date();
  const start = soon(now, 30);
  const today = start === null ? daysAfter(dayOf(now), 1) : dayOf(now);
  const origin = instead?.origin ?? rider.home;
  const destination = instead?.destination ?? (desk.usual === rider.home ? null : desk.usual);
  const begins = instead?.promise.pickupFrom;
  const picker = h("div", {});
  const ends = endFields(desk, origin, destination, picker);
  const day = h("input", {
    type: "date",
    name: "day",
    value: begins === undefined ? today : dayOf(new Date(begins)),
    required: true,
  });
  const time = h("input", {
    type: "time",
    name: "time",
    value: begins === undefined ? (start ?? "09:00") : clock(begins).padStart(5, "0"),
    required: true,
  });
  const back = h("input", { type: "time", name: "back" });
  const seats = h("input", {
    type: "number",
    name: "seats",
    min: 0,
    max: 20,
    value: instead?.seats ?? (rider.wheelchairs > 0 ? 0 : 1),
  });
  const chairs = h("input", {
    type: "number",
    name: "wheelchairs",
    min: 0,
    max: 5,
    value: instead?.wheelchairs ?? rider.wheelchairs,
  });
  const weekly = weeklyField(words);
  const payment = paymentField(words, desk.area.points);
  const offers = h("div", { class: "choices", id: "offers" });
  const ask = (): Wanted => {
    const { origin, destination, walks } = ends.value();
    const people = { seats: Number(seats.value), wheelchairs: Number(chairs.value) };
    const there = { origin, destination, earliest: instant(day.value, time.value), ...people };
    const home = {
      origin: destination,
      destination: origin,
      earliest: instant(day.value, back.value),
      ...people,
    };
    const known = ends.known();
    const returns = back.value === "" ? null : home;
    return { there, back: returns, weekly: weekly.value(), payment: payment.value(), walks, known };
  };
  const form = h(
    "form",
    { class: "form form--wide", id: "ride" },
    ...ends.nodes,
    field(words.day, day),
    field(words.time, time),
    instead === null ? field(words.back, back) : null,
    field(words.seats, seats),
    field(words.wheelchairs, chairs),
    instead === null ? payment.node : null,
    instead === null ? weekly.node : null,
    h("button", { class: "button button--main", type: "submit" }, words.search),
  );
  const place = h("div", { class: "stack" }, form, picker, offers);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(async () => {
      offers.replaceChildren();
      const wanted = ask();
      const found = await quote(
        page.account,
        words,
        wanted.there,
        `${path("quotes")}?rider=${encodeURIComponent(rider.id)}`,
      );
      const send = instead === null ? book : change;
      showOffers(desk, offers, found, async (offer) => {
        const take = async (twice: boolean) => place.replaceChildren(await send(desk, wanted, offer, twice));
        await take(false).catch((error: unknown) => overrule(desk, offers, error, () => take(true)));
      });
    });
  });
  requestAnimationFrame(() => (ends.missing() ?? time).focus());
  return place;
}

function showOffers(
  { page }: RideDesk,
  place: HTMLElement,
  offers: readonly Offer[],
  choose: (offer: Offer) => Promise<void>,
): void {
  const { words } = page;
  const buttons = offers.map((offer, index) => {
    const text = words.offer(clock(offer.pickupFrom), clock(offer.pickupUntil), clock(offer.arriveBy));
    const button = h(
      "button",
      { class: "button choice", type: "button" },
      `${index + 1}. ${text} ${words.yen(offer.fare)}`,
    );
    button.addEventListener("click", () => {
      for (const other of buttons) other.disabled = true;
      void attempt(() => choose(offer)).finally(() => {
        for (const other of buttons) other.disabled = false;
      });
    });
    return button;
  });
  place.onkeydown = (event) => {
    const chosen = buttons[Number(event.key) - 1];
    if (chosen !== undefined && !chosen.disabled) chosen.click();
  };
  place.replaceChildren(h("p", { class: "quiet" }, words.offersHint), ...buttons);
  buttons[0]?.focus();
}

/** The rider has the very same ride already: which one is said, and the operator may mean it all the same. */
function overrule(
  { page, known, booked }: RideDesk,
  place: HTMLElement,
  error: unknown,
  bookTwice: () => Promise<void>,
): void {
  if (!(error instanceof BookedAlready)) throw error;
  const same = booked.find(({ id }) => id === error.existing);
  const { words, code } = page;
  const told = same === undefined ? words.sameUnknown : words.same(rideText(same, known, words, code));
  const button = renderButton(words.bookTwice, bookTwice);
  place.onkeydown = null;
  const line = h("p", { class: "late", id: "same-ride", tabindex: -1 }, told);
  place.replaceChildren(line, button);
  line.focus(); // not the button: who presses Enter once more must not book twice
}

/** One key for the whole call: pressed twice, or sent again after a lost answer, it is one booking. */
async function book(
  desk: RideDesk,
  wanted: Wanted,
  { fare: _, ...offer }: Offer,
  twice: boolean,
): Promise<HTMLElement> {
  const { page, rider } = desk;
  const { words, code } = page;
  const rides = [{ ride: wanted.there, offer }, ...(wanted.back === null ? [] : [{ ride: wanted.back }])];
  const ends = JSON.stringify([wanted.there.origin, wanted.there.destination]);
  const key = `${rider.id}:${wanted.there.earliest}:${ends}:${offer.pickupFrom}:${performance.timeOrigin}`;
  const body = { rides, rider: rider.id, payment: wanted.payment, twice, ...wanted.weekly };
  const made = await bookOffer(words, () =>
    page.account.api<{ days: Days }>("POST", path("journeys"), body, { "Idempotency-Key": key }),
  );
  say(words.booked);
  return readOut(desk, wanted, bookingsOf(made.days), failedDays(made.days, desk.area.closed, words, code));
}

/** The old booking ends and the new one begins, or nothing changes. */
async function change(
  desk: RideDesk,
  wanted: Wanted,
  { fare: _, ...offer }: Offer,
  twice: boolean,
): Promise<HTMLElement> {
  const { words, account } = desk.page;
  const address = path("bookings", desk.instead?.id ?? "");
  const body = { ride: wanted.there, offer, twice };
  const made = await bookOffer(words, () => account.api<Booking>("PUT", address, body));
  say(words.changed);
  return readOut(desk, wanted, [made], []);
}

/** What the operator reads to the caller. */
function readOut(
  { page, done }: RideDesk,
  { known, walks }: Wanted,
  booked: readonly Booking[],
  failed: readonly HTMLElement[],
): HTMLElement {
  const { words, code } = page;
  const lines = booked.map(({ promise, origin, fare }) =>
    h(
      "p",
      { class: "read" },
      `${dayText(dayOf(new Date(promise.pickupFrom)), code)} ${words.waitAt(nameOf(known, origin), clock(promise.pickupFrom), clock(promise.pickupUntil))} ${words.yen(fare)}`,
    ),
  );
  const onFoot = walks.map((walk) => h("p", {}, walk));
  const next = h("button", { class: "button button--main", type: "button", id: "next-call" }, words.next);
  next.addEventListener("click", done);
  requestAnimationFrame(() => next.focus());
  return h(
    "div",
    { class: "stack", id: "booked" },
    h("h3", {}, words.readOut),
    ...lines,
    ...onFoot,
    ...failed,
    next,
  );
}
