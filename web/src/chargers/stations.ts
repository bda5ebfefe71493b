/** Every station with its connectors, its faults in plain words and its vehicles; one of them opened to be steered. */
import { useText } from "../shared/chargers/mark";
import type { Connector, Station } from "../shared/chargers/types";
import { h } from "../shared/dom/h";
import { renderButton } from "../shared/form/form";
import type { Section } from "../shared/form/section";
import { commands } from "./commands";
import { type ChargersPage, path, timeText } from "./page";
import { settings } from "./settings";
import { readSites } from "./sites";
import { variables } from "./variables";

export async function readStations({ account }: ChargersPage): Promise<readonly Station[]> {
  return (await account.api<{ stations: Station[] }>("GET", path("stations"))).stations;
}

/** Faults first, then those not heard: what somebody must look at stands above. Pure. */
export function urgentFirst(stations: readonly Station[]): Station[] {
  const rank = (station: Station) => {
    if (station.connected && station.connectors.some((plug) => plug.fault !== null)) return 0;
    return station.connected ? 2 : 1;
  };
  return [...stations].sort((a, b) => rank(a) - rank(b) || a.id.localeCompare(b.id, "ja"));
}

class Row {
  readonly node: HTMLTableRowElement;
  private readonly cells: readonly HTMLTableCellElement[];

  constructor(
    private readonly page: ChargersPage,
    station: Station,
    open: () => Promise<void>,
  ) {
    const { words } = page;
    const button = renderButton(words.operate, open);
    button.setAttribute("aria-label", `${station.name} ${words.operate}`);
    const name = h("th", { scope: "row" });
    this.cells = [name, ...[0, 1, 2].map(() => h("td", {}))];
    this.node = h("tr", { "data-station": station.id }, ...this.cells, h("td", {}, button));
    this.show(station);
  }

  show(station: Station): void {
    const [name, state, power, vehicles] = this.cells;
    const { words } = this.page;
    name?.replaceChildren(
      h("div", {}, station.name),
      h(
        "div",
        { class: "quiet" },
        [station.name === station.id ? "" : station.id, words.priorities[station.priority]]
          .filter(Boolean)
          .join(" · "),
      ),
      ...(station.flooded ? [h("div", { class: "fault" }, words.stopped)] : []),
    );
    state?.replaceChildren(h("ul", { class: "plugs" }, ...this.plugs(station)));
    power?.replaceChildren(...station.connectors.map((plug) => h("div", {}, this.power(plug))));
    vehicles?.replaceChildren(
      ...station.sessions.map((session) =>
        h(
          "div",
          {},
          [
            words.kwh(session.kwh),
            session.stateOfCharge === null ? "" : words.soc(session.stateOfCharge),
            ...session.flags.map((flag) => words.flags[flag] ?? flag),
          ]
            .filter(Boolean)
            .join(" · "),
        ),
      ),
      ...station.connectors.flatMap((plug) => this.wish(plug)),
    );
  }

  /** A station that is not heard is said once, not for each connector. */
  private plugs(station: Station): HTMLElement[] {
    const { words, code } = this.page;
    const lines = station.connectors.map((plug) =>
      h(
        "li",
        {},
        useText(plug.use, `${words.connector(plug.connector)} ${words.use[plug.use]}`),
        plug.fault === null || !station.connected
          ? null
          : h("p", { class: "fault" }, plug.fault[code], plug.info === "" ? "" : `（${plug.info}）`),
      ),
    );
    const silent = station.connectors.find((plug) => plug.fault !== null);
    if (!station.connected)
      lines.unshift(h("li", { class: "fault" }, silent?.fault?.[code] ?? words.offline));
    return lines;
  }

  private power(plug: Connector): string {
    const { words } = this.page;
    if (plug.use !== "in-use") return "–";
    const limit = plug.limitW === null ? "" : ` / ${words.limitOf(plug.limitW)}`;
    return `${words.kw(plug.powerW ?? 0)}${limit}`;
  }

  /** What a vehicle itself has asked for, where it says so. */
  private wish(plug: Connector): HTMLElement[] {
    const { words, code } = this.page;
    if (plug.asks === null) return [];
    const { wh, departsAt } = plug.asks;
    const energy = wh === null ? null : words.kwh(wh / 1000);
    const text = words.asks(energy, departsAt === null ? null : timeText(departsAt, code));
    return text === "" ? [] : [h("div", { class: "quiet" }, text)];
  }
}

/** The table keeps its rows, so that a button stays under the finger while the figures beside it change. */
export function stations(page: ChargersPage, changed: () => Promise<void>): Section {
  const { words } = page;
  const rows = new Map<string, Row>();
  const body = h("tbody", {});
  const heads = [words.station, words.state, words.power, words.vehicle, words.operate];
  const table = h(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": words.stations },
    h(
      "table",
      { class: "table" },
      h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
      body,
    ),
  );
  const empty = h("p", {}, words.noStations);
  const place = h("div", {});
  const redraw = async () => {
    const found = urgentFirst(await readStations(page));
    empty.hidden = found.length > 0;
    table.hidden = found.length === 0;
    for (const station of found) {
      const row = rows.get(station.id);
      if (row !== undefined) row.show(station);
      else
        rows.set(station.id, new Row(page, station, () => openOne(page, station.id, place, redraw, changed)));
    }
    const order = found.flatMap(({ id }) => rows.get(id)?.node ?? []);
    if (order.some((node, index) => body.children[index] !== node) && !body.contains(document.activeElement))
      body.replaceChildren(...order);
  };
  return {
    node: h("section", { class: "card", id: "stations" }, h("h2", {}, words.stations), empty, table, place),
    redraw,
  };
}

async function openOne(
  page: ChargersPage,
  id: string,
  place: HTMLElement,
  redraw: () => Promise<void>,
  changed: () => Promise<void>,
): Promise<void> {
  const { words } = page;
  const [every, sites] = await Promise.all([readStations(page), readSites(page)]);
  const station = every.find((one) => one.id === id);
  if (station === undefined) return;
  const heading = h("h3", { tabindex: -1 }, station.name);
  const close = h("button", { class: "button", type: "button" }, words.close);
  close.addEventListener("click", () => {
    place.replaceChildren();
    const row = [...document.querySelectorAll<HTMLElement>("tr[data-station]")];
    row
      .find((one) => one.dataset.station === id)
      ?.querySelector("button")
      ?.focus();
  });
  const { firmwareStatus, diagnosticsStatus } = station;
  const about = [
    station.vendor,
    station.model,
    station.firmware,
    `OCPP ${station.protocol}`,
    firmwareStatus === null ? "" : words.firmware(firmwareStatus),
    diagnosticsStatus === null ? "" : words.log(diagnosticsStatus),
  ]
    .filter(Boolean)
    .join(" · ");
  const again = async () => {
    await Promise.all([redraw(), changed()]);
    await openOne(page, id, place, redraw, changed);
  };
  place.replaceChildren(
    h(
      "section",
      { class: "notice", id: "one", "aria-label": station.name },
      h("div", { class: "row" }, heading, close),
      h("p", { class: "quiet" }, about),
      commands(page, station),
      variables(page, station),
      await settings(page, station, sites, again),
    ),
  );
  heading.focus();
}
