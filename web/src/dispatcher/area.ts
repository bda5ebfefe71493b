/** Where and when the buses may be booked: zones on a map, and the days of service. */
import { areaWords } from "../shared/bus/areawords";
import { openBusPage, path, stopsOf } from "../shared/bus/page";
import { openZoneMap } from "../shared/bus/place";
import type { Calendar, Zone } from "../shared/bus/types";
import type { ZoneMap } from "../shared/bus/zonemap";
import { h } from "../shared/dom/h";
import { serviceParts } from "./service";
import { drawZone, fromFile, zoneList } from "./zones";

openBusPage("pageArea", "buses:read", async (page) => {
  const { account, main } = page;
  const words = areaWords(page.code);
  const stops = await stopsOf(account);
  const box = h("div", { class: "bus-map", id: "map" });
  const list = h("div", {});
  const place = h("div", { class: "stack", id: "zone" });
  const days = h("div", { class: "stack" });
  let map: ZoneMap | null = null;
  let zones: readonly Zone[] = [];
  const drawZones = async () => {
    zones = (await account.api<{ zones: Zone[] }>("GET", path("zones"))).zones;
    list.replaceChildren(zoneList(zoneDesk, zones, place));
    map?.show(stops, zones);
  };
  const drawDays = async () => {
    days.replaceChildren(...serviceParts(serviceDesk, await account.api<Calendar>("GET", path("calendar"))));
  };
  const zoneDesk = { page, words, redraw: drawZones };
  const serviceDesk = { page, words, redraw: drawDays };
  const drawing = drawZone(zoneDesk);
  const adding = account.may("buses:write") ? [fromFile(zoneDesk), drawing.node] : [];
  await Promise.all([drawZones(), drawDays()]);
  const help = h("p", { class: "quiet" }, words.zonesHelp);
  main.append(
    h("section", { class: "card", id: "zones" }, h("h2", {}, words.zones), help, box, list, place, ...adding),
    h("section", { class: "card", id: "calendar" }, h("h2", {}, words.calendar), days),
  );
  map = await openZoneMap(box, words);
  map?.onPress(([longitude, latitude]) => drawing.pick(longitude, latitude));
  map?.show(stops, zones);
});
