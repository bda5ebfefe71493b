/** One gauge: its level now, its official stages, its hydrograph and the same values as a table. */
import type { ForecastPoint, Gauge, HydrographPoint } from "../shared/api/types";
import { THRESHOLDS } from "../shared/api/types";
import { pointSymbol, renderHydrograph } from "../shared/chart/render";
import { byId, h, setText, svg } from "../shared/dom/h";
import type { Dictionary } from "../shared/language/dictionary";
import { stageMark } from "../shared/stage/mark";
import { levelText, marginText, qualityText, trendText } from "../shared/stage/words";
import { type Column, renderTable } from "../shared/table/table";
import type { CityClock } from "../shared/time/clock";
import { ageText, dayAndTime, metresText, nearTime } from "../shared/time/format";
import type { ChartState, Hours, State, Store } from "./state";
import { Stills } from "./stills";

const HOURS: readonly Hours[] = [24, 72];
const CHART_HEIGHT = 300;
type Three = [string, string, string];

function facts(gauge: Gauge, words: Dictionary): HTMLElement {
  const foreign = words.code === "ja" ? null : "ja";
  const fact = (name: string, value: string | null) =>
    value === null || value === "" ? [] : [h("dt", {}, name), h("dd", { lang: foreign }, value)];
  return h(
    "dl",
    { class: "facts" },
    ...fact(words.river, gauge.river),
    ...fact(words.address, gauge.address),
    ...fact(words.manager, gauge.manager),
  );
}

function stageTable(gauge: Gauge, words: Dictionary): HTMLElement {
  const rows = [...THRESHOLDS].reverse().map((stage) => {
    const metres = gauge.thresholds[stage];
    const mark = stageMark(stage, words);
    const value = metres === null ? words.notSet : words.metres(metresText(metres));
    return h(
      "li",
      { class: "stages__item" },
      mark,
      h("span", {}, words.threshold[stage]),
      h("span", { class: "stages__metres" }, value),
    );
  });
  return h("ul", { class: "stages" }, ...rows);
}

function now(gauge: Gauge, words: Dictionary, clock: CityClock): HTMLElement {
  const age = ageText(clock.minutesSince(gauge.observedAt), words);
  const at = gauge.observedAt === null ? age : `${nearTime(gauge.observedAt, clock.now(), words)}（${age}）`;
  const quality = qualityText(gauge, words);
  const trend = trendText(gauge, words);
  const note = words.stageNote[gauge.stage];
  return h(
    "div",
    { class: `now now--${gauge.stage}` },
    h("p", { class: "now__stage" }, stageMark(gauge.stage, words), words.stage[gauge.stage]),
    h(
      "p",
      { class: "now__level" },
      h("span", { class: "now__metres" }, levelText(gauge, words)),
      trend === "" ? null : h("span", { class: `row__trend row__trend--${gauge.trend}` }, trend),
    ),
    gauge.stage === "none" || gauge.stage === "unknown"
      ? null
      : h("p", { class: "now__margin" }, marginText(gauge, words)),
    note === "" ? null : h("p", { class: "now__note" }, note),
    h(
      "p",
      { class: "now__observed" },
      `${words.observed} ${at}`,
      h("span", { class: "tag" }, words.status[gauge.status]),
      quality === "" ? null : h("span", { class: `tag tag--${gauge.quality}` }, quality),
    ),
  );
}

function chartLegend(words: Dictionary): HTMLElement {
  const sample = (point: Pick<HydrographPoint, "quality" | "status">) =>
    svg(
      "svg",
      { class: "chart__sample", viewBox: "0 0 20 20", "aria-hidden": "true" },
      pointSymbol({ ...point, at: new Date(0), level: 0, version: 0 }, 10, 11),
    );
  const item = (
    text: string,
    quality: HydrographPoint["quality"],
    status: HydrographPoint["status"] = "provisional",
  ) => h("li", {}, sample({ quality, status }), text);
  return h(
    "ul",
    { class: "chart__legend", "aria-label": words.chartLegend },
    item(words.status.provisional, "good"),
    item(words.status.confirmed, "good", "confirmed"),
    item(words.quality.suspect, "suspect"),
    item(words.quality.bad, "bad"),
    item(words.quality.missing, "missing"),
  );
}

/** The levels ahead in words, for those who do not see the picture. */
function forecastList(forecast: readonly ForecastPoint[], words: Dictionary): Node[] {
  if (forecast.length === 0) return [];
  const item = ({ at, level, low, high }: ForecastPoint) =>
    h("li", {}, words.forecastLevel(dayAndTime(at, words), ...([level, low, high].map(metresText) as Three)));
  return [
    h("p", { class: "chart__forecast" }, words.forecastHeading),
    h("ul", { class: "chart__levels" }, ...forecast.map(item)),
  ];
}

function pointTable(points: readonly HydrographPoint[], caption: string, words: Dictionary): HTMLElement {
  const columns: Column<HydrographPoint>[] = [
    { heading: words.time, cell: (point) => dayAndTime(point.at, words) },
    {
      heading: words.level,
      cell: (point) => (point.level === null ? "－" : words.metres(metresText(point.level))),
    },
    {
      heading: words.qualityHeading,
      cell: (point) => words.quality[point.quality] + (point.version > 0 ? `・${words.corrected}` : ""),
    },
    { heading: words.statusHeading, cell: (point) => words.status[point.status] },
  ];
  return renderTable(caption, columns, [...points].reverse());
}

function chart(state: ChartState, gauge: Gauge, width: number, words: Dictionary, retry: () => void): Node[] {
  if (state.kind === "loading") return [h("p", { class: "chart__wait" }, words.loading)];
  if (state.kind === "failed") {
    const button = h("button", { type: "button", class: "button" }, words.retry);
    button.addEventListener("click", retry);
    return [h("p", { class: "chart__wait" }, words.chartFailed), button];
  }
  const { points, thresholds } = state.hydrograph;
  const forecast = state.hydrograph.forecast.filter(({ at }) => at > state.to);
  if (points.length === 0) return [h("p", { class: "chart__wait" }, words.chartEmpty)];
  const frame = { width, height: CHART_HEIGHT, from: state.from, to: state.to };
  return [
    renderHydrograph(points, thresholds, frame, words, forecast),
    ...forecastList(forecast, words),
    chartLegend(words),
    h(
      "details",
      { class: "more" },
      h("summary", {}, words.tableHeading),
      h(
        "div",
        { class: "table__scroll", tabindex: 0, role: "region", "aria-label": words.tableHeading },
        pointTable(points, `${gauge.name} ${words.chartHeading}`, words),
      ),
    ),
  ];
}

function rangeButtons(store: Store): { root: HTMLElement; render: (state: State) => void } {
  const buttons = HOURS.map((hours) => {
    const button = h("button", { type: "button", class: "choice__button" });
    button.addEventListener("click", () => store.set({ hours }));
    return { hours, button };
  });
  const root = h("div", { class: "choice", role: "group" }, ...buttons.map(({ button }) => button));
  return {
    root,
    render({ words, hours: chosen }) {
      root.setAttribute("aria-label", words.chartRange);
      for (const { hours, button } of buttons) {
        setText(button, words.hours(hours));
        button.setAttribute("aria-pressed", String(hours === chosen));
      }
    },
  };
}

export interface DetailView {
  render(state: State): void;
  focus(): void;
}

export function createDetail(
  store: Store,
  clock: CityClock,
  back: () => void,
  retry: () => void,
): DetailView {
  const root = byId("detail", HTMLElement);
  const backButton = h("button", { type: "button", class: "button button--back" });
  backButton.addEventListener("click", back);
  const heading = h("h2", { id: "detail-heading", class: "panel__heading", tabindex: -1 });
  const current = h("div", {});
  const chartHeading = h("h3", { class: "panel__subheading" });
  const chartBody = h("div", { class: "chart__body" });
  const stagesHeading = h("h3", { class: "panel__subheading" });
  const rest = h("div", {});
  const stills = new Stills(clock);
  const range = rangeButtons(store);
  const chartHead = h("div", { class: "chart__head" }, chartHeading, range.root);
  root.append(backButton, heading, current, stills.root, chartHead, chartBody, stagesHeading, rest);
  let drawnChart: unknown[] = [];

  const drawChart = (state: State, gauge: Gauge) => {
    const width = Math.round(Math.max(260, Math.min(720, chartBody.clientWidth || 328)));
    const key = [state.chart, width, state.words];
    if (key.every((part, index) => part === drawnChart[index])) return;
    drawnChart = key;
    const open = chartBody.querySelector("details")?.open ?? false;
    chartBody.replaceChildren(...chart(state.chart, gauge, width, state.words, retry));
    const table = chartBody.querySelector("details");
    if (table !== null) table.open = open;
  };

  return {
    focus: () => heading.focus(),
    render(state) {
      const { words, selected, gauges } = state;
      root.hidden = selected === null;
      if (selected === null) return;
      setText(backButton, words.back);
      const gauge = gauges?.find(({ id }) => id === selected);
      if (gauge === undefined) {
        setText(heading, gauges === null ? words.loading : words.noneFound);
        return;
      }
      setText(heading, words.detailHeading(gauge.name));
      setText(chartHeading, words.chartHeading);
      setText(stagesHeading, words.thresholdsHeading);
      range.render(state);
      stills.render(gauge.id, words);
      current.replaceChildren(now(gauge, words, clock));
      rest.replaceChildren(stageTable(gauge, words), facts(gauge, words));
      drawChart(state, gauge);
    },
  };
}
