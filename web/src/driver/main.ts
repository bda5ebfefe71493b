/** The driver's tablet: the next stop, who gets on and off, four large buttons; works without a line. */
import { Account, loginAddress, Refused } from "../shared/account/session";
import { wordsOf } from "../shared/account/words";
import { areaWords } from "../shared/bus/areawords";
import { isPlace, path } from "../shared/bus/page";
import { clock } from "../shared/bus/time";
import type { Break, Stop, Task, Trip, Vehicle, What } from "../shared/bus/types";
import { type BusWords, busWords } from "../shared/bus/words";
import { byId, h, setText } from "../shared/dom/h";
import { attempt, say } from "../shared/form/form";
import { chooseLanguage, rememberedLanguage, rememberLanguage } from "../shared/language/language";
import { breaksAround, type Heard, nextStop, pending, ReportQueue } from "./queue";

const BUS = "cityos.bus.vehicle";
const TRIP = "cityos.bus.trip";
const EVERY_MS = 10_000;

const queue = new ReportQueue(localStorage);
let code = chooseLanguage(location.search, rememberedLanguage()).code;
let words: BusWords = busWords(code);
let account: Account | null = null;
let connected = true;
let trip: Trip | null = JSON.parse(localStorage.getItem(TRIP) ?? "null") as Trip | null;

const main = byId("main", HTMLElement);
const link = h("p", { class: "link-state", id: "link", role: "status" });
const work = h("div", { class: "stack", id: "work" });

/** The session, opened anew after the line was away. Leaves for the log-in page when nobody is logged in. */
async function signedIn(): Promise<Account> {
  account ??= await Account.open();
  if (account.session.person === null || account.session.secondFactorDue) {
    location.assign(loginAddress());
    throw new Error(words.loading);
  }
  return account;
}

/** Runs what needs the line; without one the page goes on with what it has. */
async function overTheLine(act: (account: Account) => Promise<void>): Promise<void> {
  try {
    await act(await signedIn());
    connected = true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) account = null;
    if (error.status !== 0 && error.status !== 401 && error.status < 500) throw error;
    connected = false;
  }
  showLink();
}

function showLink(): void {
  link.classList.toggle("link-state--off", !connected);
  const waiting = queue.waiting.length > 0 ? ` ${words.waiting(queue.waiting.length)}` : "";
  setText(link, (connected ? words.online : words.offline) + waiting);
}

async function exchange(): Promise<void> {
  const bus = localStorage.getItem(BUS);
  if (bus === null) return;
  await overTheLine(async (city) => {
    const refused = await queue.send(async (vehicle, reports) => {
      const answer = await city.api<{ heard: Heard[] }>("POST", path("vehicles", vehicle, "reports"), {
        reports,
      });
      return answer.heard;
    });
    const why = refused[0]?.because;
    if (why !== undefined) say(words.refused(why), true);
    trip = await city.api<Trip>("GET", path("vehicles", bus, "trip"));
    localStorage.setItem(TRIP, JSON.stringify(trip));
  });
  draw();
}

function report(task: Task, what: What): HTMLElement {
  const button = h(
    "button",
    { class: "button button--main", type: "button", "data-what": what },
    words.report[what],
  );
  button.addEventListener("click", () => {
    if (trip === null) return;
    queue.add(trip.vehicle.id, task.booking, what, new Date());
    draw();
    void attempt(exchange);
  });
  return button;
}

function passenger(task: Task): HTMLElement {
  const arrived =
    task.arrived || queue.waiting.some((one) => one.booking === task.booking && one.what === "arrived");
  const buttons = task.boards
    ? [
        arrived ? null : report(task, "arrived"),
        report(task, "boarded"),
        arrived ? report(task, "no-show") : null,
      ]
    : [report(task, "alighted")];
  return h(
    "li",
    { class: "passenger" },
    h("p", {}, h("strong", {}, task.boards ? words.getOn : words.getOff)),
    h("p", { class: "passenger__name" }, task.name),
    h(
      "p",
      {},
      task.wheelchairs > 0 ? h("span", { class: "chair" }, `${words.wheelchairs} ${task.wheelchairs}`) : null,
      ` ${words.people(task.seats, 0)} `,
      task.boards ? words.pays(words.yen(task.fare), task.payment === "points") : null,
    ),
    task.boards ? h("p", {}, words.promised(clock(task.promisedFrom), clock(task.promisedUntil))) : null,
    task.note === "" ? null : h("p", {}, task.note),
    task.boards && task.phone !== "" ? h("a", { href: `tel:${task.phone}` }, task.phone) : null,
    h("div", { class: "row" }, ...buttons),
  );
}

/** Somebody's door is no stop that drivers know: the tablet's own map app shows the way. */
function wayTo(stop: Stop | undefined): HTMLElement | string {
  if (stop === undefined || !isPlace(stop.id)) return "";
  const href = `geo:${stop.latitude},${stop.longitude}`;
  return h("p", {}, h("a", { href }, areaWords(code).toMapApp));
}

function draw(): void {
  showLink();
  if (trip === null) return;
  const left = pending(trip.tasks, queue.waiting);
  const now = nextStop(left);
  const stopName = (id: string) => trip?.stops[id]?.name ?? id;
  const first = now[0];
  const [rest, rests] = breaksAround(trip.breaks ?? [], first, new Date());
  const restText = (one: Break) => words.rest(clock(one.from), clock(one.until));
  const later = [
    ...left.slice(now.length).map((task) => ({
      at: Date.parse(task.expected),
      text: `${clock(task.expected)} ${stopName(task.stop)} ${task.boards ? words.getOn : words.getOff} ${task.name}`,
    })),
    ...rests.map((one) => ({ at: Date.parse(one.from), text: restText(one) })),
  ]
    .sort((one, other) => one.at - other.at)
    .map(({ text }) => h("li", {}, text));
  const change = h("button", { class: "button", type: "button" }, words.changeBus);
  change.addEventListener("click", () => void attempt(chooseBus));
  work.replaceChildren(
    rest === undefined ? "" : h("p", { class: "card rest", id: "rest" }, restText(rest)),
    first === undefined
      ? h("p", { class: "card", id: "finished" }, words.finished)
      : h(
          "section",
          { class: "card", id: "next" },
          h("p", {}, words.nextStop),
          h("h2", { class: "read" }, stopName(first.stop)),
          wayTo(trip.stops[first.stop]),
          h("p", {}, words.expected(clock(first.expected))),
          h("ul", { class: "lines" }, ...now.map(passenger)),
        ),
    later.length > 0
      ? h("section", { class: "card" }, h("h2", {}, words.later), h("ol", { class: "lines" }, ...later))
      : "",
    h("p", {}, `${trip.vehicle.name} `, change),
  );
}

async function chooseBus(): Promise<void> {
  await overTheLine(async (city) => {
    const { vehicles } = await city.api<{ vehicles: Vehicle[] }>("GET", path("vehicles"));
    const buttons = vehicles.map(({ id, name }) => {
      const button = h("button", { class: "button choice", type: "button", "data-bus": id }, name);
      button.addEventListener("click", () => {
        localStorage.setItem(BUS, id);
        void attempt(exchange);
      });
      return button;
    });
    const list = h("div", { class: "choices" }, ...buttons);
    work.replaceChildren(h("section", { class: "card" }, h("h2", {}, words.whichBus), list));
  });
}

function frame(): void {
  const general = wordsOf(code);
  words = busWords(code);
  document.documentElement.lang = code;
  document.title = general.pageDriver;
  setText(byId("title", HTMLElement), general.pageDriver);
  setText(byId("skip", HTMLElement), general.skip);
  const switcher = byId("language", HTMLButtonElement);
  setText(switcher, general.other);
  switcher.lang = code === "ja" ? "en" : "ja";
}

async function keepPage(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register("./bus-driver-worker.js", { scope: "./bus-driver.html" });
  const ready = await navigator.serviceWorker.ready;
  const mine = performance.getEntriesByType("resource").map((entry) => entry.name);
  ready.active?.postMessage(mine.filter((name) => name.includes("/assets/")));
}

byId("language", HTMLButtonElement).addEventListener("click", () => {
  code = code === "ja" ? "en" : "ja";
  rememberLanguage(code);
  frame();
  draw();
});
window.addEventListener("online", () => void attempt(exchange));
window.addEventListener("offline", () => {
  connected = false;
  showLink();
});
frame();
main.append(link, work);
draw();
void attempt(async () => {
  await (localStorage.getItem(BUS) === null ? chooseBus() : exchange());
  await keepPage();
});
window.setInterval(() => void attempt(exchange), EVERY_MS);
