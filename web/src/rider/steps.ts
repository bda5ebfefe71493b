/** Booking a ride, one question on each screen: from, to, when, how many, which offer. */
import { areaWords } from "../shared/bus/areawords";
import {
  BookedAlready,
  type BusPage,
  bookOffer,
  isPlace,
  nameOf,
  path,
  quote,
  rideText,
} from "../shared/bus/page";
import { type Area, type Chosen, endOf, placePicker, withPlace } from "../shared/bus/place";
import { clock, dayOf, daysAfter, dayText, instant, soon } from "../shared/bus/time";
import type { Booking, Offer, Payment, Ride, Rider, Stop } from "../shared/bus/types";
import { type Days, failedDays, paymentField, type Weekly, weeklyField } from "../shared/bus/weekly";
import { h } from "../shared/dom/h";
import { attempt, say } from "../shared/form/form";

export interface Steps {
  readonly page: BusPage;
  readonly area: Area;
  /** The stops, and the places of the rider's own. */
  readonly known: readonly Stop[];
  readonly rider: Rider;
  /** The rider's bookings, in whatever state. */
  readonly booked: readonly Booking[];
  readonly leave: () => void;
  /** The booking that the new ride takes the place of: its stops stay, the time is asked. */
  readonly instead: Booking | null;
}

interface Wish {
  origin: string;
  destination: string;
  day: string;
  time: string;
  /** When the way back begins at the earliest; empty for none. */
  back: string;
  seats: number;
  wheelchairs: number;
  /** Metres on foot at both ends, for ends that were chosen on the map. */
  walks: Record<End, number>;
}

/** A ride and the offer chosen for it. */
interface Leg {
  readonly ride: Ride;
  readonly offer: Offer;
}

interface How {
  readonly weekly: Weekly | null;
  readonly payment: Payment;
  /** Of these offers: what is sent again after a lost answer is one booking. */
  readonly key: string;
}

type End = "origin" | "destination";

const DAYS = 7;

/** The first screen; each replaces the one before, and "back" leads to that. */
export function drawSteps(steps: Steps): HTMLElement {
  const { page, rider, instead } = steps;
  const { words, code } = page;
  const walking = areaWords(code);
  let { known } = steps;
  const place = h("section", { class: "card steps", id: "steps" });
  const now = new Date();
  const start = soon(now, 30);
  const wish: Wish = {
    origin: instead?.origin ?? "",
    destination: instead?.destination ?? "",
    day: start === null ? daysAfter(dayOf(now), 1) : dayOf(now),
    time: start ?? "09:00",
    back: "",
    seats: instead?.seats ?? (rider.wheelchairs > 0 ? 0 : 1),
    wheelchairs: instead?.wheelchairs ?? rider.wheelchairs,
    walks: { origin: 0, destination: 0 },
  };
  if (instead !== null) {
    wish.day = dayOf(new Date(instead.promise.pickupFrom));
    wish.time = clock(instead.promise.pickupFrom).padStart(5, "0");
  }
  const weekly = weeklyField(words);
  const payment = paymentField(words, steps.area.points);
  /** What a change leaves as it was. */
  const more = instead === null ? [weekly.node, ...(payment.node === null ? [] : [payment.node])] : [];
  const screen = (title: string, back: () => void, ...children: readonly HTMLElement[]) => {
    say("");
    const heading = h("h2", { tabindex: -1 }, title);
    const away = h("button", { class: "button", type: "button" }, words.goBack);
    away.addEventListener("click", back);
    place.replaceChildren(heading, ...children, away);
    requestAnimationFrame(() => heading.focus());
  };

  const pick = (title: string, end: End, back: () => void, not: string, then: () => void) => {
    const choose = ({ stop, metres }: Chosen) => {
      if (stop.id === not) return say(walking.same, true);
      known = withPlace(known, stop);
      wish[end] = stop.id;
      wish.walks[end] = metres;
      then();
    };
    const again = () => pick(title, end, back, not, then);
    const onMap = () => screen(title, again, placePicker(page, steps.area, choose));
    screen(title, back, pickStop(steps, known, end === "origin" ? rider.home : null, not, choose, onMap));
  };
  const from = () => pick(words.whereFrom, "origin", steps.leave, "", to);
  const to = () => pick(words.whereTo, "destination", from, wish.origin, when);
  const onFoot = (): HTMLElement[] => {
    const { origin, destination } = wish.walks;
    return [
      ...(origin > 0 ? [h("p", {}, walking.walkFrom(nameOf(known, wish.origin), origin))] : []),
      ...(destination > 0 ? [h("p", {}, walking.walkTo(nameOf(known, wish.destination), destination))] : []),
    ];
  };
  const when = () => {
    const back = instead === null ? to : steps.leave;
    const old =
      instead === null
        ? []
        : [h("p", { class: "read" }, words.changing(rideText(instead, known, words, code)))];
    screen(words.when, back, ...old, pickTime(steps, wish, people));
  };
  const people = () =>
    screen(
      words.whoRides,
      when,
      pickPeople(steps, wish, more, () => void attempt(offer)),
    );
  const offer = async () => {
    const { seats, wheelchairs } = wish;
    const [origin, destination] = [endOf(known, wish.origin), endOf(known, wish.destination)];
    const ride: Ride = { origin, destination, seats, wheelchairs, earliest: instant(wish.day, wish.time) };
    const how: How = { weekly: weekly.value(), payment: payment.value(), key: newKey(rider) };
    const found = await quote(page.account, words, ride, path("me", "quotes"));
    const choose = (offer: Offer) =>
      void attempt(() => (wish.back === "" ? take([{ ride, offer }], how) : offerBack({ ride, offer }, how)));
    screen(words.chooseOffer, when, ...onFoot(), offersOf(steps, found, choose));
  };
  const offerBack = async (there: Leg, how: How) => {
    const wanted = instant(wish.day, wish.back);
    const { arriveBy } = there.offer; // nobody gets on again before they got off
    const earliest = new Date(wanted) < new Date(arriveBy) ? arriveBy : wanted;
    const { origin, destination, ...people } = there.ride;
    const ride: Ride = { ...people, origin: destination, destination: origin, earliest };
    const found = await quote(page.account, words, ride, path("me", "quotes"));
    const choose = (offer: Offer) => void attempt(() => take([there, { ride, offer }], how));
    screen(words.chooseBack, () => void attempt(offer), offersOf(steps, found, choose));
  };
  const take = async (legs: readonly Leg[], how: How) => {
    const failed = await book(steps, legs, how).catch((error: unknown) => {
      throw sameRide(steps, known, error);
    });
    const waits = legs.map(({ offer }, way) => {
      const stop = nameOf(known, way === 0 ? wish.origin : wish.destination);
      const text = words.waitAt(stop, clock(offer.pickupFrom), clock(offer.pickupUntil));
      return h("p", { class: "read" }, text);
    });
    const price = legs.reduce((sum, { offer }) => sum + offer.fare, 0);
    const done = instead === null ? words.thanks : words.changed;
    screen(done, steps.leave, ...waits, ...onFoot(), h("p", {}, words.yen(price)), ...failed);
  };
  if (instead === null) from();
  else when();
  return place;
}

/** The map where there are zones, the usual stop, the places used before, and every other stop. */
function pickStop(
  { page, area }: Steps,
  known: readonly Stop[],
  first: string | null,
  not: string,
  choose: (chosen: Chosen) => void,
  onMap: () => void,
): HTMLElement {
  const walking = areaWords(page.code);
  const rank = ({ id }: Stop) => (id === first ? 0 : isPlace(id) ? 1 : 2);
  const sorted = [...known].sort((a, b) => rank(a) - rank(b));
  const map = h("button", { class: "button choice", type: "button", id: "on-map" }, walking.onMap);
  map.addEventListener("click", onMap);
  return h(
    "div",
    { class: "choices" },
    area.zones.length > 0 ? map : null,
    ...sorted
      .filter((stop) => stop.id !== not)
      .map((stop) => {
        const shut = stop.closedBecause;
        const name = isPlace(stop.id) ? walking.before(stop.name) : stop.name;
        const text = shut === null ? name : `${name}（${page.words.closed(shut)}）`;
        const button = h("button", { class: "button choice", type: "button", disabled: shut !== null }, text);
        button.addEventListener("click", () => choose({ stop, metres: 0 }));
        return button;
      }),
  );
}

/** The very same ride is booked already: which one it is. */
function sameRide({ page: { words, code }, booked }: Steps, known: readonly Stop[], error: unknown): unknown {
  if (!(error instanceof BookedAlready)) return error;
  const same = booked.find(({ id }) => id === error.existing);
  return same === undefined ? error : new Error(words.same(rideText(same, known, words, code)));
}

function pickTime({ page, area: { closed }, instead }: Steps, wish: Wish, then: () => void): HTMLElement {
  const { words, code } = page;
  const today = dayOf(new Date());
  const days = Array.from({ length: DAYS }, (_, index) => daysAfter(today, index));
  const named = (day: string, index: number) => [words.today, words.tomorrow][index] ?? dayText(day, code);
  const day = h(
    "select",
    { name: "day" },
    ...days.map((one, index) => {
      const why = closed[one];
      const text = why === undefined ? named(one, index) : `${named(one, index)}（${words.noService(why)}）`;
      return h("option", { value: one, disabled: why !== undefined }, text);
    }),
  );
  day.value =
    closed[wish.day] === undefined ? wish.day : (days.find((one) => closed[one] === undefined) ?? "");
  const time = h("input", { type: "time", name: "time", value: wish.time, required: true });
  const back = h("input", { type: "time", name: "back", value: wish.back, "aria-describedby": "back-hint" });
  const hint = h("p", { class: "quiet", id: "back-hint" }, words.backHint);
  return small(
    [
      h("label", {}, h("span", {}, words.day), day),
      h("label", {}, h("span", {}, words.time), time),
      ...(instead === null ? [h("label", {}, h("span", {}, words.back), back), hint] : []),
    ],
    words.continue,
    () => {
      if (back.value !== "" && back.value <= time.value) return say(words.backTooSoon, true);
      wish.day = day.value;
      wish.time = time.value;
      wish.back = back.value;
      then();
    },
  );
}

function pickPeople(
  { page }: Steps,
  wish: Wish,
  more: readonly HTMLElement[],
  then: () => void,
): HTMLElement {
  const { words } = page;
  const number = (name: string, value: number, max: number) =>
    h("input", { type: "number", name, min: 0, max, value });
  const seats = number("seats", wish.seats, 8);
  const chairs = number("wheelchairs", wish.wheelchairs, 2);
  return small(
    [
      h("label", {}, h("span", {}, words.seats), seats),
      h("label", {}, h("span", {}, words.wheelchairs), chairs),
      ...more,
    ],
    words.search,
    () => {
      wish.seats = Number(seats.value);
      wish.wheelchairs = Number(chairs.value);
      then();
    },
  );
}

function small(fields: readonly HTMLElement[], button: string, then: () => void): HTMLElement {
  const form = h(
    "form",
    { class: "form" },
    ...fields,
    h("button", { class: "button button--main", type: "submit" }, button),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    then();
  });
  return form;
}

function offersOf({ page }: Steps, offers: readonly Offer[], choose: (offer: Offer) => void): HTMLElement {
  const { words } = page;
  return h(
    "div",
    { class: "choices", id: "offers" },
    ...offers.map((offer) => {
      const text = words.offer(clock(offer.pickupFrom), clock(offer.pickupUntil), clock(offer.arriveBy));
      const button = h(
        "button",
        { class: "button choice", type: "button" },
        `${text} ${words.yen(offer.fare)}`,
      );
      button.addEventListener("click", () => {
        button.disabled = true;
        choose(offer);
      });
      return button;
    }),
  );
}

const newKey = (rider: Rider) => `${rider.id}:${performance.timeOrigin + performance.now()}`;

/** Books or changes; a line for each day of a weekly booking that has no room. */
async function book(
  { page, area, instead }: Steps,
  legs: readonly Leg[],
  { weekly, payment, key }: How,
): Promise<HTMLElement[]> {
  const rides = legs.map(({ ride, offer: { fare: _, ...offer } }) => ({ ride, offer }));
  if (instead !== null) {
    const address = path("me", "bookings", instead.id);
    await bookOffer(page.words, () => page.account.api("PUT", address, rides[0]));
    return [];
  }
  const body = { rides, payment, ...weekly };
  const once = { "Idempotency-Key": [key, ...rides.map(({ offer }) => offer.pickupFrom)].join() };
  const made = await bookOffer(page.words, () =>
    page.account.api<{ days: Days }>("POST", path("me", "journeys"), body, once),
  );
  return failedDays(made.days, area.closed, page.words, page.code);
}
