/** The telephone operator's page: number, rider, ride, offer; everything by keyboard, in this order. */

import { type BusPage, cancelButton, openBusPage, path, rideText } from "../shared/bus/page";
import { type Area, areaOf, withPlace } from "../shared/bus/place";
import type { Booking, Rider, Stop } from "../shared/bus/types";
import { h } from "../shared/dom/h";
import { attempt, renderButton, renderForm, say } from "../shared/form/form";
import { drawRide } from "./ride";

const WAIT_MS = 200;

/** One call: from the number to the booking, then the next. */
function call(page: BusPage, area: Area, redraw: () => void): HTMLElement {
  const { account, words } = page;
  const found = h("div", { class: "choices", id: "callers" });
  const rest = h("div", { class: "stack" });
  const phone = h("input", { id: "phone", type: "tel", inputmode: "tel", autocomplete: "off" });
  let asked = 0;

  const choose = (rider: Rider) => void attempt(() => serve(page, area, rider, rest, redraw));
  const search = async () => {
    const number = ++asked;
    rest.replaceChildren();
    const typed = phone.value.normalize("NFKC").replace(/\D/g, "");
    if (typed.length < 3) return found.replaceChildren();
    const { riders } = await account.api<{ riders: Rider[] }>("GET", `${path("riders")}?phone=${typed}`);
    if (number !== asked) return;
    const add = h("button", { class: "button", type: "button", id: "add-rider" }, words.newCaller);
    add.addEventListener("click", () =>
      rest.replaceChildren(riderForm(page, area.stops, phone.value, choose)),
    );
    found.replaceChildren(
      ...riders.map((rider) => {
        const text = `${rider.name}（${rider.kana}） ${rider.phone}`;
        const button = h("button", { class: "button choice", type: "button", "data-rider": rider.id }, text);
        button.addEventListener("click", () => choose(rider));
        return button;
      }),
      add,
    );
  };
  let timer = 0;
  phone.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => void attempt(search), WAIT_MS);
  });
  phone.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    clearTimeout(timer);
    void attempt(search).then(() => found.querySelector("button")?.focus());
  });
  const hint = h("p", { class: "quiet", id: "phone-hint" }, words.phoneHint);
  phone.setAttribute("aria-describedby", "phone-hint");
  requestAnimationFrame(() => phone.focus());
  return h(
    "section",
    { class: "card", id: "call" },
    h("div", { class: "form" }, h("label", {}, h("span", {}, words.phone), phone), hint),
    found,
    rest,
  );
}

function riderForm(
  page: BusPage,
  stops: readonly Stop[],
  phone: string,
  then: (rider: Rider) => void,
): HTMLElement {
  const { account, words } = page;
  const form = renderForm(
    [
      { name: "name", label: words.name, required: true },
      { name: "kana", label: words.kana },
      { name: "phone", label: words.phone, value: phone, required: true },
      { name: "mail", label: words.mail, type: "email" },
      {
        name: "home",
        label: words.home,
        options: [["", "—"], ...stops.map(({ id, name }) => [id, name] as const)],
      },
      { name: "wheelchairs", label: words.wheelchairs, type: "number", value: "0" },
      { name: "note", label: words.note },
    ],
    words.save,
    async (values) => {
      const rider = { ...values, mail: values.mail || null, home: values.home || null };
      const wheelchairs = Number(values.wheelchairs);
      then(await account.api<Rider>("POST", path("riders"), { ...rider, wheelchairs }));
    },
  );
  requestAnimationFrame(() => form.querySelector("input")?.focus());
  return form;
}

/** The rider's bookings, and the form for a new ride with the cursor in its first empty field. */
async function serve(
  page: BusPage,
  area: Area,
  rider: Rider,
  place: HTMLElement,
  redraw: () => void,
): Promise<void> {
  const { account, words, code } = page;
  const bookings = h("div", { id: "bookings" });
  const form = h("div", { class: "stack" });
  let stops = area.stops;
  let booked: readonly Booking[] = [];
  const draw = (instead: Booking | null) =>
    form.replaceChildren(
      instead === null
        ? ""
        : h("p", { class: "read" }, words.changing(rideText(instead, stops, words, code))),
      drawRide({ page, area, known: stops, rider, booked, usual, instead, done: redraw }),
    );
  const changeButton = (booking: Booking) => {
    const button = h("button", { class: "button", type: "button" }, words.change);
    button.addEventListener("click", () => draw(booking));
    return button;
  };
  const show = async () => {
    const address = path("riders", rider.id, "bookings");
    const found = await account.api<{ bookings: Booking[]; places: Stop[] }>("GET", address);
    stops = found.places.reduce(withPlace, area.stops);
    booked = found.bookings;
    const lines = found.bookings.map((booking) =>
      h(
        "li",
        { class: "line" },
        h("span", {}, `${rideText(booking, stops, words, code)} `),
        h("span", { class: "tag" }, booking.alightedAt === null ? words.state[booking.state] : words.ridden),
        booking.state === "booked" && booking.alightedAt === null
          ? h(
              "span",
              { class: "row" },
              changeButton(booking),
              cancelButton(account, words, path("bookings", booking.id), async () => void (await show())),
            )
          : null,
      ),
    );
    bookings.replaceChildren(
      h("h3", {}, words.bookings),
      lines.length > 0 ? h("ul", { class: "lines" }, ...lines) : h("p", {}, words.noBookings),
    );
    return found.bookings;
  };
  const known = await show();
  const usual = known.filter((booking) => booking.state === "booked").at(-1)?.destination ?? null;
  const heading = h("h2", { tabindex: -1 }, `${rider.name}（${rider.phone}）`);
  const note = rider.note === "" ? null : h("p", { class: "quiet" }, rider.note);
  place.replaceChildren(heading, note ?? "", form, bookings);
  draw(null);
}

function calls(page: BusPage): { node: HTMLElement; refresh: () => Promise<void> } {
  const { account, words } = page;
  interface Call {
    readonly id: string;
    readonly name: string;
    readonly phone: string;
    readonly said: string;
  }
  const list = h("div", {});
  const refresh = async () => {
    const found = await account.api<{ calls: Call[] }>("GET", path("calls"));
    const lines = found.calls.map((line) =>
      h(
        "li",
        { class: "line" },
        h("strong", {}, `${line.name} `),
        h("a", { href: `tel:${line.phone}` }, line.phone),
        h("span", {}, ` ${line.said} `),
        renderButton(words.rang, async () => {
          await account.api("POST", path("calls", line.id, "done"));
          await refresh();
        }),
      ),
    );
    list.replaceChildren(
      lines.length > 0 ? h("ul", { class: "lines" }, ...lines) : h("p", {}, words.noCalls),
    );
  };
  return { node: h("section", { class: "card", id: "calls" }, h("h2", {}, words.calls), list), refresh };
}

openBusPage("pageOperator", "buses:write", async (page) => {
  const area = await areaOf(page.account);
  const place = h("div", {});
  const redraw = () => {
    say("");
    place.replaceChildren(call(page, area, redraw));
  };
  const waiting = calls(page);
  page.main.append(place, waiting.node);
  redraw();
  await waiting.refresh();
  const again = window.setInterval(() => {
    if (waiting.node.isConnected) void attempt(waiting.refresh);
    else clearInterval(again);
  }, 15_000);
});
