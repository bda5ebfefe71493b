/** Districts on a MapLibre map: filled with their level's colour and pattern, outlined, and named in words. */
import type { FeatureCollection, Geometry } from "geojson";
import { type GeoJSONSource, type Map as MapLibre, Marker } from "maplibre-gl";
import type { LonLat } from "../api/types";
import { h } from "../dom/h";
import { type Area, type AreaState, edgesOf, hatch } from "./areas";
import { type LabelBox, placeLabels } from "./labels";

const SOURCE = "areas";
/** What is in force is named before what is only proposed, where there is no room for all. */
const FIRST: readonly AreaState[] = ["force", "proposed", "calm"];

interface Label {
  readonly marker: Marker;
  readonly element: HTMLElement;
  readonly edges: readonly LonLat[];
}

export class AreaLayer {
  private areas: readonly Area[] = [];
  private labels: Label[] = [];
  private drawn = "";

  constructor(private readonly map: MapLibre) {
    // A new style (light to dark) forgets what was added to the old one.
    map.on("style.load", () => this.add());
    map.on("moveend", () => this.arrange());
  }

  show(areas: readonly Area[]): void {
    const drawn = JSON.stringify(areas);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.areas = areas;
    if (this.map.isStyleLoaded() || this.map.getSource(SOURCE)) this.add();
    for (const { marker } of this.labels) marker.remove();
    const rank = ({ state, level }: Area) => FIRST.indexOf(state) * 10 - level;
    const named = areas.filter(({ label }) => label !== "").sort((a, b) => rank(a) - rank(b));
    this.labels = named.map((area) => this.name(area));
    this.arrange();
  }

  private name(area: Area): Label {
    const element = h("span", { class: `area-label area-label--${area.state}` }, area.label);
    const edges = edgesOf(area.geometry);
    const marker = new Marker({ element, anchor: "bottom" }).setLngLat([...edges[0]]).addTo(this.map);
    // Written on the picture; the page says the same in its lists. MapLibre would call it "Map marker".
    for (const name of ["aria-label", "role"]) element.removeAttribute(name);
    element.setAttribute("aria-hidden", "true");
    return { marker, element, edges };
  }

  /** Every name above its district, or below it where another's stands, or not at all until somebody comes nearer. */
  private arrange(): void {
    const found = placeLabels(this.labels.map((label) => this.boxes(label)));
    for (const [index, { marker, element, edges }] of this.labels.entries()) {
      const place = found[index] ?? -1;
      element.classList.toggle("area-label--crowded", place < 0);
      const [lon, lat] = edges[Math.max(place, 0)] ?? [0, 0];
      marker.setLngLat([lon, lat]).setOffset([0, place === 1 ? element.offsetHeight : 0]);
    }
  }

  private boxes({ element, edges }: Label): LabelBox[] {
    const { offsetWidth: width, offsetHeight: height } = element;
    return edges.map(([lon, lat], index) => {
      const { x, y } = this.map.project([lon, lat]);
      return { id: "", left: x - width / 2, top: index === 0 ? y - height : y, width, height };
    });
  }

  private add(): void {
    for (const { level, colour } of this.areas) {
      const image = `hatch-${level}-${colour}`;
      if (level > 0 && !this.map.hasImage(image)) this.map.addImage(image, hatch(level, colour));
    }
    const source = this.map.getSource<GeoJSONSource>(SOURCE);
    if (source) source.setData(this.data());
    else this.addLayers();
  }

  private addLayers(): void {
    this.map.addSource(SOURCE, { type: "geojson", data: this.data() });
    const of = (state: Area["state"]) => ["==", ["get", "state"], state] as ["==", ["get", string], string];
    this.map.addLayer({
      id: "areas-fill",
      type: "fill",
      source: SOURCE,
      filter: of("force"),
      paint: { "fill-pattern": ["get", "image"] },
    });
    this.map.addLayer({
      id: "areas-proposed",
      type: "line",
      source: SOURCE,
      filter: of("proposed"),
      paint: { "line-color": ["get", "colour"], "line-width": 4, "line-dasharray": [2, 1.5] },
    });
    this.map.addLayer({
      id: "areas-edge",
      type: "line",
      source: SOURCE,
      paint: { "line-color": ["get", "edge"], "line-width": ["case", of("force"), 3, 1] },
    });
  }

  private data(): FeatureCollection {
    const calm = getComputedStyle(this.map.getContainer()).getPropertyValue("--map-coast").trim();
    const features = this.areas.map(({ id, state, level, colour, geometry }) => ({
      type: "Feature" as const,
      geometry: geometry as Geometry,
      properties: {
        id,
        state,
        colour,
        image: `hatch-${level}-${colour}`,
        edge: state === "force" ? colour : calm,
      },
    }));
    return { type: "FeatureCollection", features };
  }
}
