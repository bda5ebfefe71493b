/** Stops and buses on the map; a mark moves when its bus does. */
import type { FeatureCollection } from "geojson";
import type { GeoJSONSource } from "maplibre-gl";
import type { Config } from "../shared/api/types";
import type { Board } from "../shared/bus/types";
import { h } from "../shared/dom/h";
import { PlaceMap } from "../shared/map/places";

const unspoken = (): HTMLElement => h("div", { "aria-hidden": "true" });

export class BusMap extends PlaceMap {
  private readonly roads: FeatureCollection = { type: "FeatureCollection", features: [] };

  /** Throws when the browser cannot draw (no WebGL). */
  constructor(container: HTMLElement, config: Config, label: string) {
    super(container, config, label);
    this.map.on("load", () => this.drawRoads(getComputedStyle(container).getPropertyValue("--bad").trim()));
  }

  show(board: Board): void {
    for (const stop of board.stops) {
      const shut = stop.closedBecause !== null;
      const mark = this.mark(`stop:${stop.id}`, [stop.longitude, stop.latitude], unspoken);
      mark.className = `${mark.className.replace(/ ?stop-mark(--shut)?/g, "")} stop-mark${shut ? " stop-mark--shut" : ""}`;
      mark.title = stop.name;
    }
    for (const vehicle of board.vehicles) {
      if (vehicle.position === null) continue;
      const { longitude, latitude } = vehicle.position;
      const mark = this.mark(`bus:${vehicle.id}`, [longitude, latitude], unspoken);
      mark.classList.add("bus-mark");
      mark.classList.toggle("bus-mark--bad", vehicle.brokenBecause !== null);
      mark.textContent = vehicle.name;
    }
    const closed = board.roads.filter((road) => road.closedBecause !== null);
    this.roads.features = closed.map(({ geometry }) => ({ type: "Feature", geometry, properties: {} }));
    this.map.getSource<GeoJSONSource>("roads")?.setData(this.roads);
    this.fit(board.stops.map(({ longitude, latitude }) => [longitude, latitude]));
  }

  /** Tells of every click on the map. */
  onClick(tell: (longitude: number, latitude: number) => void): void {
    this.map.on("click", ({ lngLat }) => tell(lngLat.lng, lngLat.lat));
  }

  private drawRoads(colour: string): void {
    this.map.addSource("roads", { type: "geojson", data: this.roads });
    const paint = { "fill-color": colour, "fill-opacity": 0.3 };
    this.map.addLayer({
      id: "areas",
      type: "fill",
      source: "roads",
      filter: ["==", ["geometry-type"], "Polygon"],
      paint,
    });
    this.map.addLayer({
      id: "roads",
      type: "line",
      source: "roads",
      paint: { "line-color": colour, "line-width": 5 },
    });
  }
}
