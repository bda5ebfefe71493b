/** The day of every bus as a Gantt chart: bars are rides by their expected times, marks are stops. */
import { clock } from "../shared/bus/time";
import type { Board, BoardVehicle, Task } from "../shared/bus/types";
import type { BusWords } from "../shared/bus/words";
import { svg } from "../shared/dom/h";

const WIDTH = 960;
const LEFT = 90;
/** Half an hour's label. */
const RIGHT = 20;
const LANE = 10;
const TOP = 24;
const HOUR_MS = 3_600_000;
const LATE_MINUTES = 1;
const MOST_LABELS = 16;

interface Bar {
  readonly booking: string;
  readonly name: string;
  readonly from: number;
  readonly until: number;
  readonly lane: number;
  readonly late: boolean;
}

const at = (task: Task) => Date.parse(task.done ?? task.expected);

/** Each ride's bar, in the lowest lane that is free while it lasts. Pure. */
export function bars(tasks: readonly Task[]): Bar[] {
  const free: number[] = [];
  const found: Bar[] = [];
  for (const task of tasks) {
    const off = tasks.find((other) => other.booking === task.booking && !other.boards);
    if (!task.boards || off === undefined || task.state === "no-show") continue;
    const [from, until] = [at(task), at(off)];
    const open = free.findIndex((busy) => busy <= from);
    const lane = open < 0 ? free.length : open;
    free[lane] = until;
    const late = task.lateMinutes >= LATE_MINUTES || off.lateMinutes >= LATE_MINUTES;
    found.push({ booking: task.booking, name: task.name, from, until, lane, late });
  }
  return found;
}

function row(
  vehicle: BoardVehicle,
  y: number,
  x: (time: number) => number,
  rest: BusWords["rest"],
): { node: SVGElement; height: number } {
  const rides = bars(vehicle.tasks);
  const lanes = Math.max(2, ...rides.map((ride) => ride.lane + 1));
  const height = lanes * LANE + 14;
  const [from, until] = [x(Date.parse(vehicle.shiftFrom)), x(Date.parse(vehicle.shiftUntil))];
  const node = svg(
    "g",
    {},
    svg("rect", { class: "shift", x: from, y, width: Math.max(0, until - from), height: height - 4 }),
    svg("text", { x: 4, y: y + 16 }, vehicle.name + (vehicle.brokenBecause === null ? "" : " ✕")),
    ...vehicle.breaks.map((one) =>
      svg(
        "rect",
        {
          class: "rest",
          x: x(Date.parse(one.from)),
          y: y + 2,
          width: x(Date.parse(one.until)) - x(Date.parse(one.from)),
          height: height - 8,
        },
        svg("title", {}, rest(clock(one.from), clock(one.until))),
      ),
    ),
    ...rides.map((ride) =>
      svg(
        "rect",
        {
          class: ride.late ? "ride ride--late" : "ride",
          "data-booking": ride.booking,
          x: x(ride.from),
          y: y + 2 + ride.lane * LANE,
          width: Math.max(2, x(ride.until) - x(ride.from)),
          height: LANE - 3,
        },
        svg(
          "title",
          {},
          `${ride.name} ${clock(new Date(ride.from).toISOString())}–${clock(new Date(ride.until).toISOString())}`,
        ),
      ),
    ),
    ...vehicle.tasks.map((task) =>
      svg("circle", {
        class: task.done === null ? "mark" : "mark mark--done",
        cx: x(at(task)),
        cy: y + height - 8,
        r: 3,
      }),
    ),
  );
  return { node, height };
}

/** The chart, named for screen readers; the tables beside it have every number. */
export function gantt(board: Board, words: BusWords): SVGSVGElement {
  const starts = board.vehicles.map((vehicle) => Date.parse(vehicle.shiftFrom));
  const ends = board.vehicles.map((vehicle) => Date.parse(vehicle.shiftUntil));
  const first = Math.floor(Math.min(...starts) / HOUR_MS) * HOUR_MS;
  const last = Math.ceil(Math.max(...ends) / HOUR_MS) * HOUR_MS;
  const x = (time: number) => LEFT + ((time - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const rows: SVGElement[] = [];
  let y = TOP;
  for (const vehicle of board.vehicles) {
    const { node, height } = row(vehicle, y, x, words.rest);
    rows.push(node);
    y += height;
  }
  const hours = Array.from({ length: (last - first) / HOUR_MS + 1 }, (_, index) => first + index * HOUR_MS);
  const every = Math.ceil(hours.length / MOST_LABELS);
  const now = Date.parse(board.now);
  return svg(
    "svg",
    { class: "gantt", viewBox: `0 0 ${WIDTH} ${y + 4}`, role: "img", "aria-label": words.ganttHeading },
    ...hours.flatMap((hour, index) => [
      svg("line", { class: "grid", x1: x(hour), x2: x(hour), y1: TOP - 6, y2: y }),
      index % every === 0
        ? svg("text", { x: x(hour), y: 12, "text-anchor": "middle" }, clock(new Date(hour).toISOString()))
        : null,
    ]),
    ...rows,
    now >= first && now <= last
      ? svg("line", { class: "now", x1: x(now), x2: x(now), y1: TOP - 6, y2: y })
      : null,
  );
}
