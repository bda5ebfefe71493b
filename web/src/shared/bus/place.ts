/** Choosing any place in a zone: on a map with a mark in its middle, told at once where the bus stops and the walk. */

import type { Account } from "../account/session";
import { createApi } from "../api/client";
import type { LonLat } from "../api/types";
import { h, setText } from "../dom/h";
import { attempt } from "../form/form";
import { type AreaWords, areaWords } from "./areawords";
import { type BusPage, isPlace, path, stopsOf } from "./page";
import { dayOf, daysAfter, SEASON } from "./time";
import type { Calendar, Found, Located, Point, Stop, Zone } from "./types";
import type { ZoneMap } from "./zonemap";

const WAIT_MS = 300;
/** Metres that somebody who is not quick walks in a minute. */
const WALKED = 60;

/** Where and when the buses may be booked: stops, zones beside them, and the days without service. */
export interface Area {
  readonly stops: readonly Stop[];
  readonly zones: readonly Zone[];
  /** The days of a season without service, and why. */
  readonly closed: Readonly<Record<string, string>>;
  /** Whether rides may be paid with points. */
  readonly points: boolean;
}

/** All of it, as it stands today. */
export async function areaOf(account: Account): Promise<Area> {
  const today = dayOf(new Date());
  const season = `?from=${today}&to=${daysAfter(today, SEASON)}`;
  const [stops, { zones }, { closed }, { points }] = await Promise.all([
    stopsOf(account),
    account.api<{ zones: Zone[] }>("GET", path("zones")),
    account.api<Calendar>("GET", `${path("calendar")}${season}`),
    account.api<{ points?: boolean }>("GET", path("fares")),
  ]);
  return { stops, zones, closed, points: points ?? false };
}

/** A stop or a place of the rider's own, and how far it is on foot from the place meant. */
export interface Chosen {
  readonly stop: Stop;
  readonly metres: number;
}

/** The stops with a place beside them, under a name that no other has. Pure. */
export function withPlace(known: readonly Stop[], place: Stop): readonly Stop[] {
  if (known.some(({ id }) => id === place.id)) return known;
  const taken = new Set(known.map(({ name }) => name));
  let name = place.name;
  for (let number = 2; taken.has(name); number++) name = `${place.name} (${number})`;
  return [...known, { ...place, name }];
}

/** How the gateway is told of the end of a ride: a stop by its id, a place of somebody's own by where it is. Pure. */
export function endOf(known: readonly Stop[], id: string): string | Point {
  const place = isPlace(id) ? known.find((stop) => stop.id === id) : undefined;
  return place === undefined ? id : { longitude: place.longitude, latitude: place.latitude };
}

const stopAt = ({ id, name, longitude, latitude }: Located): Stop => {
  return { id, name, longitude, latitude, closedBecause: null, closedBy: null };
};

/** What was found at a place, as it is told to who chooses. Pure. */
export function toldOf(found: Found, words: AreaWords): string {
  if (found.served) {
    const { door, name, metres } = found.stop;
    return door ? words.door(name) : words.walk(name, metres, Math.max(1, Math.ceil(metres / WALKED)));
  }
  const { zone, edge, nearest } = found;
  const why =
    zone !== null
      ? words.tooFar(zone.name, zone.walk)
      : edge !== null
        ? words.outside(edge.zone.name, words.sides[edge.side], edge.metres)
        : words.stopsOnly;
  return nearest === null ? why : `${why} ${words.nearest(nearest.name, nearest.metres)}`;
}

/** The map, what is told of its middle, and a button that takes it. `focus`: the cursor goes to the map. */
export function placePicker(
  page: BusPage,
  { stops, zones }: Pick<Area, "stops" | "zones">,
  choose: (chosen: Chosen) => void,
  focus = false,
): HTMLElement {
  const words = areaWords(page.code);
  const box = h("div", { class: "bus-map map--aim" });
  const told = h("p", { class: "place-told", role: "status", id: "place-told" });
  const buttons = h("div", { class: "row" });
  let asked = 0;
  const look = async ([longitude, latitude]: LonLat): Promise<void> => {
    const number = ++asked;
    setText(told, words.looking);
    buttons.replaceChildren();
    const found = await page.account.api<Found>("POST", path("places"), { longitude, latitude });
    if (number !== asked) return;
    setText(told, toldOf(found, words));
    const near = found.served ? found.stop : found.nearest;
    if (near === null) return;
    const label = found.served ? words.take : words.takeNearest(near.name);
    const take = h("button", { class: "button button--main", type: "button", id: "take-place" }, label);
    take.addEventListener("click", () => choose({ stop: stopAt(near), metres: near.metres }));
    buttons.replaceChildren(take);
  };
  let timer = 0;
  const aim = (at: LonLat) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => void attempt(() => look(at)), WAIT_MS);
  };
  const open = async (): Promise<void> => {
    const map = await openZoneMap(box, words);
    map?.show(stops, zones);
    map?.onAim(aim);
    if (focus) box.querySelector("canvas")?.focus();
  };
  void attempt(open);
  return h("div", { class: "stack", id: "picker" }, h("p", {}, words.aim), box, told, buttons);
}

/** Null, and the words in its place, where the browser cannot draw. */
export async function openZoneMap(box: HTMLElement, words: AreaWords): Promise<ZoneMap | null> {
  try {
    const [{ ZoneMap: Drawn }, config] = await Promise.all([import("./zonemap"), createApi().config()]);
    return new Drawn(box, config, words.map);
  } catch (error) {
    console.warn(`no map: ${String(error)}`);
    box.classList.remove("bus-map", "map--aim");
    box.replaceChildren(h("p", { class: "quiet" }, words.mapFailed));
    return null;
  }
}
