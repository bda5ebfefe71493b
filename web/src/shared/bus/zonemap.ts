/** Stops and zones on a map, and the place in its middle. All of it stands in words beside it. */
import type { FeatureCollection } from "geojson";
import type { GeoJSONSource, MapLibreEvent } from "maplibre-gl";
import type { Config, LonLat } from "../api/types";
import { h } from "../dom/h";
import { PlaceMap } from "../map/places";
import type { Stop, Zone } from "./types";

/** From this zoom on a house is larger than a finger. */
const NEAR = 15;

export class ZoneMap extends PlaceMap {
  private zones: FeatureCollection = { type: "FeatureCollection", features: [] };

  /** Throws when the browser cannot draw (no WebGL). */
  constructor(container: HTMLElement, config: Config, label: string) {
    super(container, config, label);
    this.map.keyboard.disableRotation();
    this.map.on("load", () => this.drawZones(getComputedStyle(container).getPropertyValue("--link").trim()));
  }

  show(stops: readonly Stop[], zones: readonly Zone[]): void {
    for (const stop of stops) {
      const shut = stop.closedBecause === null ? "" : " stop-mark--shut";
      this.mark(`stop:${stop.id}`, [stop.longitude, stop.latitude], () =>
        h(
          "div",
          { class: "stop-named", "aria-hidden": "true" },
          h("span", { class: `stop-mark${shut}` }),
          h("span", {}, stop.name),
        ),
      );
    }
    const features = zones.map(({ geometry }) => ({ type: "Feature" as const, geometry, properties: {} }));
    if (features.length > this.zones.features.length) this.fitted = false; // What was added is to be seen.
    this.zones = { type: "FeatureCollection", features };
    this.map.getSource<GeoJSONSource>("zones")?.setData(this.zones);
    const ringOf = ({ geometry }: Zone) =>
      (geometry.coordinates[0] ?? []).map(([x = 0, y = 0]): LonLat => [x, y]);
    const corners = zones.flatMap(ringOf);
    this.fit([...stops.map(({ longitude, latitude }): LonLat => [longitude, latitude]), ...corners]);
  }

  centre(): LonLat {
    const { lng, lat } = this.map.getCenter();
    return [lng, lat];
  }

  /** Tells of the place in the middle whenever somebody has moved the map; a press brings its place there, and nearer. */
  onAim(tell: (at: LonLat) => void): void {
    this.map.on("click", ({ lngLat, originalEvent }) => {
      const zoom = Math.max(this.map.getZoom(), NEAR);
      this.map.jumpTo({ center: lngLat, zoom }, { originalEvent });
    });
    this.map.on("moveend", (event: MapLibreEvent) => {
      // What moves without anybody's doing (the first view) is nobody's choice.
      if (event.originalEvent !== undefined) tell(this.centre());
    });
  }

  onPress(tell: (at: LonLat) => void): void {
    this.map.on("click", ({ lngLat }) => tell([lngLat.lng, lngLat.lat]));
  }

  private drawZones(colour: string): void {
    this.map.addSource("zones", { type: "geojson", data: this.zones });
    const paint = { "fill-color": colour, "fill-opacity": 0.12 };
    this.map.addLayer({ id: "zones", type: "fill", source: "zones", paint });
    const edge = { "line-color": colour, "line-width": 2 };
    this.map.addLayer({ id: "zone-edges", type: "line", source: "zones", paint: edge });
  }
}
