/** Booking a ride, one question on each screen: from, to, when, how many, which offer. */
import { type BusPage, nameOf, path, quote, rideText } from "../shared/bus/page";
import { clock, dayOf, daysAfter, dayText, instant, soon } from "../shared/bus/time";
import type { Booking, Offer, Ride, Rider, Stop } from "../shared/bus/types";
import { type Days, failedDays, type Weekly, weeklyField } from "../shared/bus/weekly";
import { h } from "../shared/dom/h";
import { attempt, say } from "../shared/form/form";

export interface Steps {
  readonly page: BusPage;
  readonly stops: readonly Stop[];
  readonly rider: Rider;
  readonly leave: () => void;
  /** Days without service, and why. */
  readonly closed: Readonly<Record<string, string>>;
  /** The booking that the new ride takes the place of: its stops stay, the time is asked. */
  readonly instead: Booking | null;
}

interface Wish {
  origin: string;
  destination: string;
  day: string;
  time: string;
  seats: number;
  wheelchairs: number;
}

const DAYS = 7;

/** The first screen; each replaces the one before, and "back" leads to that. */
export function drawSteps(steps: Steps): HTMLElement {
  const { page, stops, rider, instead } = steps;
  const { words, code } = page;
  const place = h("section", { class: "card steps", id: "steps" });
  const now = new Date();
  const start = soon(now, 30);
  const wish: Wish = {
    origin: instead?.origin ?? "",
    destination: instead?.destination ?? "",
    day: start === null ? daysAfter(dayOf(now), 1) : dayOf(now),
    time: start ?? "09:00",
    seats: instead?.seats ?? (rider.wheelchairs > 0 ? 0 : 1),
    wheelchairs: instead?.wheelchairs ?? rider.wheelchairs,
  };
  if (instead !== null) {
    wish.day = dayOf(new Date(instead.promise.pickupFrom));
    wish.time = clock(instead.promise.pickupFrom).padStart(5, "0");
  }
  const weekly = weeklyField(words);
  const screen = (title: string, back: () => void, ...children: readonly HTMLElement[]) => {
    say("");
    const heading = h("h2", { tabindex: -1 }, title);
    const away = h("button", { class: "button", type: "button" }, words.goBack);
    away.addEventListener("click", back);
    place.replaceChildren(heading, ...children, away);
    requestAnimationFrame(() => heading.focus());
  };

  const from = () =>
    screen(
      words.whereFrom,
      steps.leave,
      pickStop(steps, rider.home, "", (id) => {
        wish.origin = id;
        to();
      }),
    );
  const to = () =>
    screen(
      words.whereTo,
      from,
      pickStop(steps, null, wish.origin, (id) => {
        wish.destination = id;
        when();
      }),
    );
  const when = () => {
    const back = instead === null ? to : steps.leave;
    const old =
      instead === null
        ? []
        : [h("p", { class: "read" }, words.changing(rideText(instead, stops, words, code)))];
    screen(words.when, back, ...old, pickTime(steps, wish, people));
  };
  const people = () =>
    screen(
      words.whoRides,
      when,
      pickPeople(steps, wish, instead === null ? [weekly.node] : [], () => void attempt(offer)),
    );
  const offer = async () => {
    const { day, time, ...rest } = wish;
    const ride: Ride = { ...rest, earliest: instant(day, time) };
    const again = weekly.value();
    const found = await quote(page.account, words, ride, path("me", "quotes"));
    const choose = (chosen: Offer) =>
      void attempt(async () => thanks(ride, chosen, await book(steps, ride, chosen, again)));
    screen(words.chooseOffer, when, offersOf(steps, found, choose));
  };
  const thanks = (ride: Ride, chosen: Offer, failed: readonly HTMLElement[]) => {
    const text = words.waitAt(
      nameOf(stops, ride.origin),
      clock(chosen.pickupFrom),
      clock(chosen.pickupUntil),
    );
    const price = h("p", {}, words.yen(chosen.fare));
    const done = instead === null ? words.thanks : words.changed;
    screen(done, steps.leave, h("p", { class: "read" }, text), price, ...failed);
  };
  if (instead === null) from();
  else when();
  return place;
}

function pickStop(
  { page, stops }: Steps,
  first: string | null,
  not: string,
  choose: (id: string) => void,
): HTMLElement {
  const sorted = [...stops].sort((a, b) => Number(b.id === first) - Number(a.id === first));
  return h(
    "div",
    { class: "choices" },
    ...sorted
      .filter((stop) => stop.id !== not)
      .map((stop) => {
        const shut = stop.closedBecause;
        const text = shut === null ? stop.name : `${stop.name}（${page.words.closed(shut)}）`;
        const button = h("button", { class: "button choice", type: "button", disabled: shut !== null }, text);
        button.addEventListener("click", () => choose(stop.id));
        return button;
      }),
  );
}

function pickTime({ page, closed }: Steps, wish: Wish, then: () => void): HTMLElement {
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
  return small(
    [h("label", {}, h("span", {}, words.day), day), h("label", {}, h("span", {}, words.time), time)],
    words.continue,
    () => {
      wish.day = day.value;
      wish.time = time.value;
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

/** Books or changes; a line for each day of a weekly booking that has no room. */
async function book(
  { page, rider, instead }: Steps,
  ride: Ride,
  chosen: Offer,
  weekly: Weekly | null,
): Promise<HTMLElement[]> {
  const { fare: _, ...offer } = chosen;
  if (instead !== null) {
    await page.account.api("PUT", path("me", "bookings", instead.id), { ride, offer });
    return [];
  }
  const key = `${rider.id}:${ride.earliest}:${ride.origin}:${ride.destination}:${offer.pickupFrom}:${performance.timeOrigin}`;
  const made = await page.account.api<{ days: Days }>(
    "POST",
    path("me", "journeys"),
    { rides: [{ ride, offer }], ...weekly },
    { "Idempotency-Key": key },
  );
  return failedDays(made.days, page.words, page.code);
}
