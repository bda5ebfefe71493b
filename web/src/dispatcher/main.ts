/** The dispatcher's page: where the buses are, what is late, and what to do when one breaks down or a stop floods. */
import { createApi } from "../shared/api/client";
import { areaWords } from "../shared/bus/areawords";
import { type BusPage, isPlace, nameOf, openBusPage, path, rideText } from "../shared/bus/page";
import { clock } from "../shared/bus/time";
import type { Board, BoardVehicle, Booking, Task } from "../shared/bus/types";
import { h } from "../shared/dom/h";
import { attempt, renderButton, renderForm, say } from "../shared/form/form";
import { keepTyped } from "../shared/form/typed";
import { renderTable } from "../shared/table/table";
import { gantt } from "./gantt";
import type { BusMap } from "./map";
import { type Close, closedRoads, type RoadForms, roadForms } from "./roads";

const EVERY_MS = 5_000;

interface Late {
  readonly vehicle: BoardVehicle;
  readonly task: Task;
}

function late(board: Board): Late[] {
  return board.vehicles
    .flatMap((vehicle) => vehicle.tasks.map((task) => ({ vehicle, task })))
    .filter(({ task }) => task.done === null && task.state === "booked" && task.lateMinutes >= 1)
    .sort((a, b) => b.task.lateMinutes - a.task.lateMinutes);
}

function onBoard(vehicle: BoardVehicle): number {
  const on = vehicle.tasks.filter((task) => task.boards && task.done !== null && task.state === "booked");
  return on.filter((task) =>
    vehicle.tasks.some((t) => t.booking === task.booking && !t.boards && t.done === null),
  ).length;
}

function vehicles({ words }: BusPage, board: Board): HTMLElement {
  return renderTable<BoardVehicle>(
    words.mapHeading,
    [
      { heading: words.vehicle, cell: (vehicle) => vehicle.name },
      {
        heading: words.position,
        cell: ({ position }) =>
          position === null
            ? words.unknownPlace
            : `${clock(position.at)} ${position.latitude.toFixed(4)}, ${position.longitude.toFixed(4)}${position.doubted ? words.doubted : ""}`,
      },
      { heading: words.passengers, cell: (vehicle) => String(onBoard(vehicle)) },
      {
        heading: words.work,
        cell: ({ tasks }) => String(tasks.filter((t) => t.done === null && t.state === "booked").length),
      },
      {
        heading: words.nextStop,
        cell: ({ tasks }) => {
          const next = tasks.find((task) => task.done === null && task.state === "booked");
          return next === undefined
            ? words.noData
            : `${clock(next.expected)} ${nameOf(board.stops, next.stop)}`;
        },
      },
    ],
    board.vehicles,
  );
}

function lateTable({ words }: BusPage, board: Board): HTMLElement {
  const found = late(board);
  if (found.length === 0) return h("p", {}, words.onTime);
  return renderTable<Late>(
    words.lateHeading,
    [
      { heading: words.name, cell: ({ task }) => task.name },
      { heading: words.vehicle, cell: ({ vehicle }) => vehicle.name },
      { heading: words.stops, cell: ({ task }) => nameOf(board.stops, task.stop) },
      {
        heading: words.time,
        cell: ({ task }) => `${clock(task.expected)} ${words.lateBy(task.lateMinutes)}`,
      },
      { heading: words.phone, cell: ({ task }) => task.phone },
    ],
    found,
  );
}

/** A break gives way to a promise; somebody has to relieve the driver. */
function missingBreaks({ words }: BusPage, { vehicles: buses }: Board): HTMLElement[] {
  return buses
    .filter((bus) => bus.breaksMissing > 0)
    .map((bus) => h("p", { class: "line late" }, words.restMissing(bus.name, bus.breaksMissing)));
}

function broken({ words, code }: BusPage, board: Board): HTMLElement {
  const line = (booking: Booking & { readonly name: string }, why: string) =>
    h("li", { class: "line late" }, `${booking.name} ${rideText(booking, board.stops, words, code)} ${why}`);
  const lines = [
    ...board.broken.map((booking) => line(booking, booking.because ?? "")),
    ...board.moved
      .filter((booking) => booking.state === "booked")
      .map((booking) => line(booking, `${words.moved}（${booking.breaches.at(-1)?.because ?? ""}）`)),
  ];
  return lines.length > 0 ? h("ul", { class: "lines" }, ...lines) : h("p", {}, words.noCalls);
}

/** Breaking down and closing ask for a reason: it is what the riders are told. What is typed survives a reload too. */
function trouble({ words }: BusPage, board: Board, send: Close): HTMLElement {
  const bus = renderForm(
    [
      {
        name: "vehicle",
        label: words.vehicle,
        options: board.vehicles.map(({ id, name }) => [id, name] as const),
      },
      { name: "because", label: words.because, required: true },
    ],
    words.breakdown,
    async ({ vehicle, because }) => {
      await send(path("vehicles", vehicle ?? "", "breakdown"), because);
      forgetBus();
    },
  );
  const stops = board.stops.filter((one) => !isPlace(one.id));
  const stop = renderForm(
    [
      { name: "stop", label: words.stops, options: stops.map(({ id, name }) => [id, name] as const) },
      { name: "because", label: words.because, required: true },
    ],
    words.close,
    async ({ stop: id, because }) => {
      await send(path("stops", id ?? "", "closure"), because);
      forgetStop();
    },
  );
  const forgetBus = keepTyped(bus, "bus-breakdown");
  const forgetStop = keepTyped(stop, "bus-closure");
  bus.id = "breakdown";
  stop.id = "closure";
  return h("div", { class: "stack" }, bus, stop);
}

function closed(
  { account, words }: BusPage,
  { stops, roads }: Board,
  redraw: () => Promise<void>,
): HTMLElement {
  const lines = stops
    .filter((stop) => stop.closedBecause !== null)
    .map((stop) => {
      const open = renderButton(words.open, async () => {
        await account.api("DELETE", path("stops", stop.id, "closure"));
        await redraw();
      });
      // A stop on a closed road opens with the road.
      const onRoad = roads.some((road) => road.id === stop.closedBy);
      const text = `${stop.name} ${words.closed(stop.closedBecause ?? "")} `;
      return h("li", { class: "line late" }, text, onRoad ? null : open);
    });
  return h("ul", { class: "lines", id: "closed" }, ...lines);
}

/** Null where the browser cannot draw; the tables have everything. */
async function openMap(place: HTMLElement, label: string): Promise<BusMap | null> {
  try {
    const [{ BusMap: Drawn }, config] = await Promise.all([import("./map"), createApi().config()]);
    return new Drawn(place, config, label);
  } catch (error) {
    console.warn(`no map: ${String(error)}`);
    place.hidden = true;
    return null;
  }
}

openBusPage("pageDispatcher", "buses:write", async (page) => {
  const { account, words, main } = page;
  const section = (id: string, title: string, ...parts: readonly HTMLElement[]) =>
    h("section", { class: "card", id }, h("h2", {}, title), ...parts);
  const place = h("div", { class: "bus-map", id: "map" });
  const wide = (label: string) =>
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": label });
  const now = wide(words.mapHeading);
  const chart = wide(words.ganttHeading);
  const delays = wide(words.lateHeading);
  const rests = h("div", { id: "rests" });
  const gone = h("div", {});
  const shut = h("div", {});
  const cut = h("div", {});
  const help = h("div", {});
  const roads = h("div", {});
  let forms: RoadForms | null = null;
  let roadsShown = 0;
  let map: BusMap | null = null;
  const day = new URLSearchParams(location.search).get("day");
  const redraw = async (): Promise<Board> => {
    const board = await account.api<Board>("GET", `${path("board")}${day === null ? "" : `?day=${day}`}`);
    now.replaceChildren(vehicles(page, board));
    chart.replaceChildren(gantt(board, words));
    rests.replaceChildren(...missingBreaks(page, board));
    delays.replaceChildren(lateTable(page, board));
    gone.replaceChildren(broken(page, board));
    if (!shut.contains(document.activeElement)) shut.replaceChildren(closed(page, board, again));
    if (!cut.contains(document.activeElement)) cut.replaceChildren(closedRoads(page, board.roads, again));
    map?.show(board);
    return board;
  };
  const again = async () => {
    await redraw();
  };
  const send: Close = async (address, because) => {
    const anew = await account.api<{ broken: unknown[]; moved: unknown[] }>("POST", address, {
      day: board.day,
      because,
    });
    const after = await redraw();
    if (after.roads.length !== roadsShown) drawForms(after);
    say(words.troubleDone(anew.broken.length, anew.moved.length), anew.broken.length + anew.moved.length > 0);
  };
  const drawForms = (shown: Board) => {
    roadsShown = shown.roads.length;
    forms = roadForms(page, shown, send);
    roads.replaceChildren(forms.node);
  };
  const board = await redraw();
  help.append(trouble(page, board, send));
  drawForms(board);
  main.append(
    section("late", words.lateHeading, delays),
    section("broken", words.brokenHeading, gone),
    section("gantt", words.ganttHeading, h("p", { class: "quiet" }, words.ganttHelp), rests, chart),
    section("now", words.mapHeading, place, now),
    section("trouble", words.troubleHeading, shut, help),
    section("roads", words.roadsHeading, cut, roads),
    h("p", {}, h("a", { href: "./bus-area.html" }, areaWords(page.code).toArea)),
  );
  map = await openMap(place, words.mapHeading);
  map?.onClick((longitude, latitude) => forms?.pick(longitude, latitude));
  map?.show(board);
  const timer = window.setInterval(() => {
    if (main.contains(chart)) void attempt(again);
    else clearInterval(timer);
  }, EVERY_MS);
});
