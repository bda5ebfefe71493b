/** Districts on a MapLibre map: filled with their level's colour and pattern, outlined, and named in words. */
import type { FeatureCollection, Geometry } from "geojson";
import { type GeoJSONSource, type Map as MapLibre, Marker } from "maplibre-gl";
import { h } from "../dom/h";
import { type Area, hatch, topOf } from "./areas";

const SOURCE = "areas";

export class AreaLayer {
  private areas: readonly Area[] = [];
  private readonly labels: Marker[] = [];
  private drawn = "";

  constructor(private readonly map: MapLibre) {
    // A new style (light to dark) forgets what was added to the old one.
    map.on("style.load", () => this.add());
  }

  show(areas: readonly Area[]): void {
    const drawn = JSON.stringify(areas);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.areas = areas;
    if (this.map.isStyleLoaded() || this.map.getSource(SOURCE)) this.add();
    for (const label of this.labels.splice(0)) label.remove();
    for (const area of areas) if (area.label !== "") this.labels.push(this.name(area));
  }

  private name(area: Area): Marker {
    const element = h("span", { class: `area-label area-label--${area.state}` }, area.label);
    const [lon, lat] = topOf(area.geometry);
    const marker = new Marker({ element, anchor: "bottom" }).setLngLat([lon, lat]).addTo(this.map);
    // Written on the picture; the page says the same in its lists. MapLibre would call it "Map marker".
    for (const name of ["aria-label", "role"]) element.removeAttribute(name);
    element.setAttribute("aria-hidden", "true");
    return marker;
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
