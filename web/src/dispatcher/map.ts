/** Stops and buses on the map; a mark moves when its bus does. */
import type { FeatureCollection } from "geojson";
import { type GeoJSONSource, LngLatBounds, Map as MapLibre, Marker, NavigationControl } from "maplibre-gl";
import type { Config } from "../shared/api/types";
import type { Board } from "../shared/bus/types";
import { h } from "../shared/dom/h";
import { coloursOf, mapStyle } from "../shared/map/style";

export class BusMap {
  private readonly map: MapLibre;
  private readonly marks = new Map<string, Marker>();
  private readonly roads: FeatureCollection = { type: "FeatureCollection", features: [] };
  private fitted = false;

  /** Throws when the browser cannot draw (no WebGL). */
  constructor(container: HTMLElement, config: Config, label: string) {
    this.map = new MapLibre({
      container,
      style: mapStyle(coloursOf(container), config.tileUrl),
      center: [config.center[0], config.center[1]],
      zoom: config.zoom,
      attributionControl: false,
      dragRotate: false,
      fadeDuration: 0,
    });
    this.map.addControl(new NavigationControl({ showCompass: false }), "top-right");
    this.map.getCanvas().setAttribute("aria-label", label);
    this.map.on("load", () => this.drawRoads(getComputedStyle(container).getPropertyValue("--bad").trim()));
    this.map.on("error", (event) => console.warn(`map: ${event.error.message}`));
  }

  show(board: Board): void {
    for (const stop of board.stops) {
      const shut = stop.closedBecause !== null;
      const mark = this.mark(`stop:${stop.id}`, stop.longitude, stop.latitude);
      mark.className = `${mark.className.replace(/ ?stop-mark(--shut)?/g, "")} stop-mark${shut ? " stop-mark--shut" : ""}`;
      mark.title = stop.name;
    }
    for (const vehicle of board.vehicles) {
      if (vehicle.position === null) continue;
      const mark = this.mark(`bus:${vehicle.id}`, vehicle.position.longitude, vehicle.position.latitude);
      mark.classList.add("bus-mark");
      mark.classList.toggle("bus-mark--bad", vehicle.brokenBecause !== null);
      mark.textContent = vehicle.name;
    }
    const closed = board.roads.filter((road) => road.closedBecause !== null);
    this.roads.features = closed.map(({ geometry }) => ({ type: "Feature", geometry, properties: {} }));
    this.map.getSource<GeoJSONSource>("roads")?.setData(this.roads);
    if (!this.fitted && board.stops.length > 0) {
      const bounds = new LngLatBounds();
      for (const stop of board.stops) bounds.extend([stop.longitude, stop.latitude]);
      this.map.fitBounds(bounds, { padding: 40, maxZoom: 14, animate: false });
      this.fitted = true;
    }
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

  private mark(id: string, longitude: number, latitude: number): HTMLElement {
    let marker = this.marks.get(id);
    if (marker === undefined) {
      marker = new Marker({ element: h("div", { "aria-hidden": "true" }), anchor: "center" });
      this.marks.set(id, marker);
      marker.setLngLat([longitude, latitude]).addTo(this.map);
      marker.getElement().removeAttribute("aria-label");
    }
    marker.setLngLat([longitude, latitude]);
    return marker.getElement();
  }
}
