/** A rider's page: large type, one question at a time. */
import { BUSES, type BusPage, cancelButton, nameOf, openBusPage, path, rideText } from "../shared/bus/page";
import { areaOf, withPlace } from "../shared/bus/place";
import { clock } from "../shared/bus/time";
import type { Booking, Rider, Stop } from "../shared/bus/types";
import type { BusWords } from "../shared/bus/words";
import { h } from "../shared/dom/h";
import { attempt, renderForm, say } from "../shared/form/form";
import { drawSteps } from "./steps";

interface Me {
  readonly rider: Rider | null;
  readonly bookings: readonly Booking[];
  readonly told: readonly { readonly said: string; readonly at: string }[];
  /** Places of my own, in zones, that I rode from or to. */
  readonly places: readonly Stop[];
}

const EVERY_MS = 20_000;

function ride(
  page: BusPage,
  stops: readonly Stop[],
  booking: Booking,
  redraw: () => Promise<void>,
  change: (booking: Booking) => void,
): HTMLElement {
  const { words, code, account } = page;
  const running = booking.state === "booked" && booking.alightedAt === null;
  const expected = booking.pickupExpected;
  return h(
    "li",
    { class: `ticket${running ? "" : " ticket--over"}` },
    h("strong", {}, rideText(booking, stops, words, code)),
    h("span", {}, `${words.people(booking.seats, booking.wheelchairs)} ${words.yen(booking.fare)}`),
    running && expected
      ? h("span", { class: "live" }, `${booking.vehicle} ${words.expected(clock(expected))}`)
      : null,
    running
      ? null
      : h("span", { class: "tag" }, booking.alightedAt ? words.ridden : words.state[booking.state]),
    booking.because ? h("span", { class: "said--bad" }, booking.because) : null,
    running
      ? h(
          "span",
          { class: "row" },
          changeButton(words, () => change(booking)),
          cancelButton(account, words, path("me", "bookings", booking.id), redraw),
        )
      : null,
  );
}

function changeButton(words: BusWords, act: () => void): HTMLElement {
  const button = h("button", { class: "button", type: "button" }, words.change);
  button.addEventListener("click", act);
  return button;
}

function profile(
  page: BusPage,
  stops: readonly Stop[],
  rider: Rider | null,
  after: () => Promise<void>,
): HTMLElement {
  const { words, account } = page;
  return renderForm(
    [
      {
        name: "name",
        label: words.name,
        required: true,
        value: rider?.name ?? account.session.person?.name ?? "",
      },
      { name: "phone", label: words.phone, type: "tel", required: true, value: rider?.phone ?? "" },
      {
        name: "mail",
        label: words.mail,
        type: "email",
        value: rider?.mail ?? account.session.person?.login ?? "",
      },
      {
        name: "home",
        label: words.home,
        options: [
          ...(rider?.home ? [[rider.home, nameOf(stops, rider.home)] as const] : []),
          ["", "—"],
          ...stops.map(({ id, name }) => [id, name] as const),
        ],
      },
      {
        name: "wheelchairs",
        label: words.wheelchairs,
        type: "number",
        value: String(rider?.wheelchairs ?? 0),
      },
    ],
    words.save,
    async ({ name, phone, mail, home, wheelchairs }) => {
      const body = { name, phone, mail: mail || null, home: home || null, wheelchairs: Number(wheelchairs) };
      await account.api("PUT", path("me"), body);
      await after();
      say(words.saved);
    },
  );
}

openBusPage("pageRider", "buses:ride", async (page) => {
  const { account, words, main } = page;
  const area = await areaOf(account);
  const { stops } = area;
  const known = (me: Me) => me.places.reduce(withPlace, stops);
  let booking = false;
  const rides = h("ul", { class: "lines", id: "rides" });
  const steps = (me: Me, rider: Rider, instead: Booking | null) => {
    booking = true;
    const leave = () => void attempt(redraw);
    const { bookings: booked } = me;
    main.replaceChildren(drawSteps({ page, area, known: known(me), rider, booked, instead, leave }));
  };
  const showRides = (me: Me) => {
    const change = (old: Booking) => {
      if (me.rider !== null) steps(me, me.rider, old);
    };
    const sorted = [...me.bookings].sort((a, b) => a.promise.pickupFrom.localeCompare(b.promise.pickupFrom));
    rides.replaceChildren(
      ...(sorted.length > 0
        ? sorted.map((one) => ride(page, known(me), one, redraw, change))
        : [h("li", {}, words.noBookings)]),
    );
  };
  const redraw = async (): Promise<void> => {
    booking = false;
    const me = await account.api<Me>("GET", path("me"));
    const { rider } = me;
    if (rider === null) {
      main.replaceChildren(
        h("section", { class: "card" }, h("h2", {}, words.firstTime), profile(page, stops, null, redraw)),
      );
      return;
    }
    const begin = h("button", { class: "button button--main", type: "button", id: "begin" }, words.bookRide);
    begin.addEventListener("click", () => steps(me, rider, null));
    showRides(me);
    const told = me.told.slice(0, 3).map((line) => h("li", { class: "line" }, line.said));
    main.replaceChildren(
      begin,
      h("section", { class: "card" }, h("h2", {}, words.myRides), rides),
      told.length > 0
        ? h("section", { class: "card" }, h("h2", {}, words.notices), h("ul", { class: "lines" }, ...told))
        : "",
      h("details", { class: "card" }, h("summary", {}, words.aboutMe), profile(page, stops, rider, redraw)),
    );
  };
  await redraw();
  const again = window.setInterval(() => {
    if (!main.contains(rides) && !booking) return clearInterval(again);
    // A half-pressed "cancel" must not be drawn over.
    if (booking || rides.contains(document.activeElement)) return;
    void attempt(async () => showRides(await account.api<Me>("GET", `${BUSES}/me`)));
  }, EVERY_MS);
});
