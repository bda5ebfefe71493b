/** Where the wearer is, the places and the day's path on a map; and drawing a new place. All of it stands in words too. */
import type { FeatureCollection } from "geojson";
import {
  type GeoJSONSource,
  Map as MapLibre,
  type MapMouseEvent,
  Marker,
  NavigationControl,
  ScaleControl,
} from "maplibre-gl";
import type { Config, LonLat } from "../shared/api/types";
import { h } from "../shared/dom/h";
import { coloursOf, mapStyle } from "../shared/map/style";
import { boundsOf, circle, middleOf } from "./geometry";
import type { Place, Polygon } from "./types";

/** What a map shows. `path` in order of time; `wearer` with the accuracy in metres. */
export interface Picture {
  readonly places?: readonly Place[];
  readonly path?: readonly LonLat[];
  readonly wearer?: { readonly at: LonLat; readonly accuracy: number; readonly name: string } | null;
  readonly draft?: Polygon | null;
}

const LAYERS = { places: "--place", accuracy: "--wearer", draft: "--link", path: "--path" } as const;
type Layer = keyof typeof LAYERS;

const polygons = (shapes: readonly Polygon[]): FeatureCollection => ({
  type: "FeatureCollection",
  features: shapes.map((shape) => ({
    type: "Feature",
    properties: {},
    geometry: { type: "Polygon", coordinates: shape.coordinates.map((one) => one.map(([x, y]) => [x, y])) },
  })),
});

const line = (points: readonly LonLat[]): FeatureCollection => ({
  type: "FeatureCollection",
  features: [
    {
      type: "Feature",
      properties: {},
      geometry: { type: "LineString", coordinates: points.map(([x, y]) => [x, y]) },
    },
  ],
});

/** From this zoom on a house's surroundings are larger than a finger. */
const NEAR = 14;

export class WearerMap {
  private readonly map: MapLibre;
  private readonly ready: Promise<void>;
  private marks: Marker[] = [];
  private fitted = false;

  /** Throws when the browser cannot draw (no WebGL). */
  constructor(
    private readonly container: HTMLElement,
    config: Config,
    label: string,
  ) {
    this.map = new MapLibre({
      container,
      style: mapStyle(coloursOf(container), config.tileUrl),
      center: [config.center[0], config.center[1]],
      zoom: config.zoom,
      attributionControl: config.tileAttribution ? { customAttribution: config.tileAttribution } : false,
      dragRotate: false,
      fadeDuration: 0,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.addControl(new NavigationControl({ showCompass: false }), "top-right");
    this.map.addControl(new ScaleControl({ unit: "metric" }), "bottom-left");
    this.map.getCanvas().setAttribute("aria-label", label);
    this.map.on("error", (event) => console.warn(`map: ${event.error.message}`));
    this.ready = new Promise((resolve) => this.map.once("load", () => resolve()));
  }

  /** Draws it; the first time there is something to see the map moves there. */
  async show(picture: Picture): Promise<void> {
    await this.ready;
    const { places = [], path = [], wearer = null, draft = null } = picture;
    this.fill("places", polygons(places.map((place) => place.polygon)));
    this.fill("accuracy", polygons(wearer === null ? [] : [circle(wearer.at, Math.max(wearer.accuracy, 1))]));
    this.fill("draft", polygons(draft === null ? [] : [draft]));
    this.fill("path", line(path));
    for (const mark of this.marks) mark.remove();
    this.marks = places.flatMap((place) => this.mark(middleOf(place.polygon), "place-mark", place.name));
    if (wearer !== null) this.marks.push(...this.mark(wearer.at, "wearer-mark", wearer.name));
    const corners = places.flatMap((place) => place.polygon.coordinates[0] ?? []);
    if (!this.fitted) this.fit([...(wearer === null ? [] : [wearer.at]), ...path, ...corners]);
  }

  /** Moves so that all points are seen. */
  fit(points: readonly LonLat[]): void {
    const bounds = boundsOf(points);
    if (bounds === null) return;
    this.fitted = true;
    this.map.fitBounds(bounds, { padding: 48, maxZoom: 16, animate: false });
  }

  /** Comes near enough to see a place of some tens of metres; stays where it is near already. */
  approach(at: LonLat): void {
    this.fitted = true;
    if (this.map.getZoom() < NEAR) this.map.jumpTo({ center: [at[0], at[1]], zoom: NEAR + 1 });
  }

  centre(): LonLat {
    const { lng, lat } = this.map.getCenter();
    return [lng, lat];
  }

  onPress(act: (at: LonLat) => void): void {
    this.map.on("click", ({ lngLat }: MapMouseEvent) => act([lngLat.lng, lngLat.lat]));
  }

  remove(): void {
    this.map.remove();
  }

  private mark(at: LonLat | null, name: string, text: string): Marker[] {
    if (at === null) return [];
    const element = h("div", { class: name, "aria-hidden": "true" }, h("span", {}, text));
    const made = new Marker({ element, anchor: "center" }).setLngLat([at[0], at[1]]).addTo(this.map);
    element.removeAttribute("aria-label");
    return [made];
  }

  private fill(name: Layer, data: FeatureCollection): void {
    const source = this.map.getSource<GeoJSONSource>(name);
    if (source !== undefined) {
      source.setData(data);
      return;
    }
    const colour = getComputedStyle(this.container).getPropertyValue(LAYERS[name]).trim();
    this.map.addSource(name, { type: "geojson", data });
    if (name !== "path")
      this.map.addLayer({
        id: `${name}-area`,
        type: "fill",
        source: name,
        paint: { "fill-color": colour, "fill-opacity": 0.18 },
      });
    this.map.addLayer({
      id: `${name}-edge`,
      type: "line",
      source: name,
      paint: { "line-color": colour, "line-width": name === "path" ? 4 : 2 },
    });
  }
}

/** A map in a box of its own, or null (and the words) where the browser cannot draw. */
export function openMap(
  box: HTMLElement,
  config: Config,
  words: { map: string; mapFailed: string },
): WearerMap | null {
  try {
    return new WearerMap(box, config, words.map);
  } catch (error) {
    console.warn(`no map: ${String(error)}`);
    box.classList.remove("map");
    box.replaceChildren(h("p", { class: "quiet" }, words.mapFailed));
    return null;
  }
}
