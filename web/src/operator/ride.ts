/** The ride's form at the operator's desk, its offers, and what to read to the caller. */
import { type BusPage, nameOf, path, quote, stopNamed } from "../shared/bus/page";
import { clock, dayOf, daysAfter, dayText, instant, soon } from "../shared/bus/time";
import type { Booking, Offer, Ride, Rider, Stop } from "../shared/bus/types";
import { bookingsOf, type Days, failedDays, type Weekly, weeklyField } from "../shared/bus/weekly";
import { h } from "../shared/dom/h";
import { attempt, say } from "../shared/form/form";

interface Wanted {
  readonly there: Ride;
  readonly back: Ride | null;
  readonly weekly: Weekly | null;
}

export interface RideDesk {
  readonly page: BusPage;
  readonly stops: readonly Stop[];
  readonly rider: Rider;
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
  const { page, stops, rider, instead } = desk;
  const { words } = page;
  const now = new Date();
  const start = soon(now, 30);
  const today = start === null ? daysAfter(dayOf(now), 1) : dayOf(now);
  const text = (value: string, attributes = {}) =>
    h("input", { type: "text", value, autocomplete: "off", ...attributes });
  const origin = instead?.origin ?? rider.home;
  const destination = instead?.destination ?? (desk.usual === rider.home ? null : desk.usual);
  const begins = instead?.promise.pickupFrom;
  const from = text(origin === null ? "" : nameOf(stops, origin), { list: "stops", name: "from" });
  const to = text(destination === null ? "" : nameOf(stops, destination), { list: "stops", name: "to" });
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
  const offers = h("div", { class: "choices", id: "offers" });
  const ask = (): Wanted => {
    const origin = stopNamed(stops, from.value, words).id;
    const destination = stopNamed(stops, to.value, words).id;
    const people = { seats: Number(seats.value), wheelchairs: Number(chairs.value) };
    const there = { origin, destination, earliest: instant(day.value, time.value), ...people };
    const home = {
      origin: destination,
      destination: origin,
      earliest: instant(day.value, back.value),
      ...people,
    };
    return { there, back: back.value === "" ? null : home, weekly: weekly.value() };
  };
  const form = h(
    "form",
    { class: "form form--wide", id: "ride" },
    field(words.from, from),
    field(words.to, to),
    field(words.day, day),
    field(words.time, time),
    instead === null ? field(words.back, back) : null,
    field(words.seats, seats),
    field(words.wheelchairs, chairs),
    instead === null ? weekly.node : null,
    h("button", { class: "button button--main", type: "submit" }, words.search),
  );
  const place = h("div", { class: "stack" }, form, offers);
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
      showOffers(desk, offers, found, async (offer) =>
        place.replaceChildren(await (instead === null ? book : change)(desk, wanted, offer)),
      );
    });
  });
  requestAnimationFrame(() => (from.value === "" ? from : to.value === "" ? to : time).focus());
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

/** One key for the whole call: pressed twice, or sent again after a lost answer, it is one booking. */
async function book(desk: RideDesk, wanted: Wanted, { fare: _, ...offer }: Offer): Promise<HTMLElement> {
  const { page, rider } = desk;
  const { words, code } = page;
  const rides = [{ ride: wanted.there, offer }, ...(wanted.back === null ? [] : [{ ride: wanted.back }])];
  const key = `${rider.id}:${wanted.there.earliest}:${wanted.there.destination}:${offer.pickupFrom}:${performance.timeOrigin}`;
  const made = await page.account.api<{ days: Days }>(
    "POST",
    path("journeys"),
    { rides, rider: rider.id, ...wanted.weekly },
    { "Idempotency-Key": key },
  );
  say(words.booked);
  return readOut(desk, bookingsOf(made.days), failedDays(made.days, words, code));
}

/** The old booking ends and the new one begins, or nothing changes. */
async function change(desk: RideDesk, wanted: Wanted, { fare: _, ...offer }: Offer): Promise<HTMLElement> {
  const { words, account } = desk.page;
  const address = path("bookings", desk.instead?.id ?? "");
  const made = await account.api<Booking>("PUT", address, { ride: wanted.there, offer });
  say(words.changed);
  return readOut(desk, [made], []);
}

/** What the operator reads to the caller. */
function readOut(desk: RideDesk, booked: readonly Booking[], failed: readonly HTMLElement[]): HTMLElement {
  const { page, stops, done } = desk;
  const { words, code } = page;
  const lines = booked.map(({ promise, origin, fare }) =>
    h(
      "p",
      { class: "read" },
      `${dayText(dayOf(new Date(promise.pickupFrom)), code)} ${words.waitAt(nameOf(stops, origin), clock(promise.pickupFrom), clock(promise.pickupUntil))} ${words.yen(fare)}`,
    ),
  );
  const next = h("button", { class: "button button--main", type: "button", id: "next-call" }, words.next);
  next.addEventListener("click", done);
  requestAnimationFrame(() => next.focus());
  return h("div", { class: "stack", id: "booked" }, h("h3", {}, words.readOut), ...lines, ...failed, next);
}
