/** The map of gauges: MapLibre draws the land, each gauge is a button on it. Loaded after the list is shown. */
import { LngLatBounds, Map as MapLibre, NavigationControl, ScaleControl } from "maplibre-gl";
import type { Config, Gauge } from "../api/types";
import { STAGES } from "../api/types";
import type { Dictionary } from "../language/dictionary";
import { type Shelter, shelterWords } from "../shelter/shelter";
import { AreaLayer } from "./arealayer";
import { type Area, boundsOf } from "./areas";
import { type Direction, fitLabels, type LabelBox, neighbour, type Spot } from "./labels";
import { GaugeMarker } from "./marker";
import { ShelterMarks } from "./shelters";
import { coloursOf, mapStyle } from "./style";

export interface GaugeMapOptions {
  readonly container: HTMLElement;
  readonly config: Config;
  readonly words: Dictionary;
  /** What stands beside a gauge's mark. */
  readonly name: (gauge: Gauge) => string;
  /** What is spoken of it after that. */
  readonly describe: (gauge: Gauge) => string;
  readonly select: (id: string) => void;
}

const ARROWS: Readonly<Record<string, Direction>> = {
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
};
/** From this zoom on the calm gauges have their names beside them too. */
const NAMES_FROM_ZOOM = 10;
/** Of these stages a name is shown from afar too, and even across other marks. */
const LAST_URGENT = STAGES.indexOf("standby");
const LAST_FIRM = STAGES.indexOf("evacuation");
/** Half of what a mark covers, in pixels. */
const MARK_HALF = 10;

function markBox(spot: Spot | undefined): LabelBox[] {
  if (spot === undefined) return [];
  const side = 2 * MARK_HALF;
  return [{ id: spot.id, left: spot.x - MARK_HALF, top: spot.y - MARK_HALF, width: side, height: side }];
}

export class GaugeMap {
  private readonly map: MapLibre;
  private readonly markers = new Map<string, GaugeMarker>();
  private gauges: readonly Gauge[] = [];
  private selected: string | null = null;
  private fitted = false;
  private readonly areas: AreaLayer;
  private readonly shelters: ShelterMarks;

  /** Throws when the browser cannot draw (no WebGL). */
  constructor(private readonly options: GaugeMapOptions) {
    const { container, config, words } = options;
    this.map = new MapLibre({
      container,
      style: mapStyle(coloursOf(container), config.tileUrl),
      center: [config.center[0], config.center[1]],
      zoom: config.zoom,
      minZoom: 4,
      maxZoom: config.tileUrl === null ? 13 : 18,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      fadeDuration: 0,
      locale: { "NavigationControl.ZoomIn": words.zoomIn, "NavigationControl.ZoomOut": words.zoomOut },
    });
    this.areas = new AreaLayer(this.map);
    this.shelters = new ShelterMarks(this.map);
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.addControl(new NavigationControl({ showCompass: false }), "top-right");
    this.map.addControl(new ScaleControl({ unit: "metric" }), "bottom-left");
    this.map.getCanvas().setAttribute("aria-label", words.mapPicture);
    this.map.on("moveend", () => this.arrange());
    this.map.on("error", (event) => console.warn(`map: ${event.error.message}`));
    this.map.getCanvasContainer().addEventListener("keydown", (event) => this.onKey(event));
    this.followColourScheme();
    // A focused button outside the picture makes browsers scroll the box that clips it; the map must not shift.
    container.addEventListener("scroll", () => container.scrollTo(0, 0));
  }

  /** Shows these gauges. The first time the map moves to where they are. */
  show(gauges: readonly Gauge[]): void {
    this.gauges = gauges.filter((gauge) => gauge.location !== null);
    const present = new Set(this.gauges.map((gauge) => gauge.id));
    for (const [id, marker] of this.markers) {
      if (present.has(id)) continue;
      marker.remove();
      this.markers.delete(id);
    }
    for (const gauge of this.gauges) this.place(gauge);
    if (!this.fitted && this.gauges.length > 1) this.fit();
    this.arrange();
  }

  /** Shows these districts under the gauges. */
  showAreas(areas: readonly Area[]): void {
    this.areas.show(areas);
  }

  /** Shows the shelters that people can go to. */
  showShelters(shelters: readonly Shelter[]): void {
    const { code } = this.options.words;
    const words = shelterWords(code);
    this.shelters.show(shelters, ({ name, nameEn, state }) =>
      [code === "en" && nameEn ? nameEn : name, words.state[state]].join(" "),
    );
  }

  /** Moves the map to where these districts are, and leaves it there. */
  fitAreas(areas: readonly Area[]): void {
    const bounds = boundsOf(areas);
    if (bounds === null) return;
    this.fitted = true;
    // Names stand above the districts' northern edges, and must not be cut off.
    const side = Math.min(90, this.map.getContainer().clientWidth / 5);
    const padding = { top: 90, bottom: 36, left: side, right: side };
    this.map.fitBounds(bounds, { padding, maxZoom: 14, animate: false });
  }

  /** Marks one gauge, and brings it into the picture when it is outside. */
  select(id: string | null): void {
    if (id === this.selected) return;
    this.selected = id;
    for (const [markerId, marker] of this.markers) marker.setSelected(markerId === id);
    const chosen = this.gauges.find((gauge) => gauge.id === id);
    if (chosen?.location) {
      const [lon, lat] = chosen.location;
      this.map.easeTo({ center: [lon, lat], zoom: Math.max(this.map.getZoom(), 10) });
    }
    this.arrange();
  }

  resize(): void {
    this.map.resize();
  }

  remove(): void {
    this.map.remove();
  }

  private place(gauge: Gauge): void {
    let marker = this.markers.get(gauge.id);
    if (marker === undefined) {
      marker = new GaugeMarker(this.map, gauge.id, this.options.select);
      this.markers.set(gauge.id, marker);
    }
    marker.update(gauge, this.options.name(gauge), this.options.describe(gauge), this.options.words);
    marker.setSelected(gauge.id === this.selected);
  }

  private fit(): void {
    this.fitted = true;
    const bounds = new LngLatBounds();
    for (const gauge of this.gauges)
      if (gauge.location) bounds.extend([gauge.location[0], gauge.location[1]]);
    this.map.fitBounds(bounds, { padding: 36, maxZoom: 12, animate: false });
  }

  /** Decides which names fit, the most urgent first, and which mark the Tab key comes to. */
  private arrange(): void {
    const close = this.map.getZoom() >= NAMES_FROM_ZOOM;
    this.map.getContainer().classList.toggle("map--far", !close);
    const ordered = [...this.gauges].sort((a, b) => this.urgency(a) - this.urgency(b));
    const spots = new Map(ordered.map((gauge) => [gauge.id, this.spotOf(gauge)]));
    const boxes = ordered
      .filter((gauge) => close || this.urgency(gauge) <= LAST_URGENT)
      .flatMap((gauge) => {
        const box = this.markers.get(gauge.id)?.labelBox(spots.get(gauge.id) ?? this.spotOf(gauge));
        return box === undefined ? [] : [{ ...box, firm: this.urgency(gauge) <= LAST_FIRM }];
      });
    const marks = ordered
      .filter((gauge) => this.urgency(gauge) <= LAST_URGENT)
      .flatMap(({ id }) => markBox(spots.get(id)));
    marks.push(...this.edges());
    const named = fitLabels(boxes, marks);
    const first = this.firstInPicture(ordered);
    for (const [id, marker] of this.markers) {
      marker.setNamed(named.has(id));
      marker.setTabStop(id === first);
    }
  }

  /** Where a name would be cut off or lie under the buttons. */
  private edges(): LabelBox[] {
    const { clientWidth, clientHeight } = this.map.getContainer();
    return [
      { id: "right edge", left: clientWidth, top: 0, width: 1000, height: clientHeight },
      { id: "zoom buttons", left: clientWidth - 70, top: 0, width: 70, height: 115 },
    ];
  }

  private urgency(gauge: Gauge): number {
    return gauge.id === this.selected ? -1 : STAGES.indexOf(gauge.stage);
  }

  private spotOf(gauge: Gauge): Spot {
    const [lon, lat] = gauge.location ?? [0, 0];
    const { x, y } = this.map.project([lon, lat]);
    return { id: gauge.id, x, y };
  }

  private firstInPicture(ordered: readonly Gauge[]): string | null {
    const { clientWidth, clientHeight } = this.map.getContainer();
    const inside = ({ x, y }: Spot) => x >= 0 && y >= 0 && x <= clientWidth && y <= clientHeight;
    return ordered.find((gauge) => inside(this.spotOf(gauge)))?.id ?? null;
  }

  /** The arrow keys on a gauge go to its neighbour; on the map itself they move the map. */
  private onKey(event: KeyboardEvent): void {
    const direction = ARROWS[event.key];
    const from = this.gauges.find((gauge) => this.markers.get(gauge.id)?.element === event.target);
    if (direction === undefined || from === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = neighbour(
      this.gauges.map((gauge) => this.spotOf(gauge)),
      this.spotOf(from),
      direction,
    );
    if (next === null) return;
    this.keepInPicture(next);
    this.markers.get(next.id)?.focus();
  }

  private keepInPicture({ x, y }: Spot): void {
    const { clientWidth, clientHeight } = this.map.getContainer();
    if (x < 24 || y < 24 || x > clientWidth - 24 || y > clientHeight - 24) {
      this.map.easeTo({ center: this.map.unproject([x, y]) });
    }
  }

  private followColourScheme(): void {
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const repaint = () =>
      this.map.setStyle(mapStyle(coloursOf(this.map.getContainer()), this.options.config.tileUrl));
    dark.addEventListener("change", repaint);
    this.map.once("remove", () => dark.removeEventListener("change", repaint));
  }
}
