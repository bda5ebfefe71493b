/** Every word the pages say. One dictionary per language; a missing word does not compile. */
import type { AlertStatus, Quality, Stage, Status, ThresholdName, Trend } from "../api/types";
import type { StreamState } from "../stream/stream";

export interface Dictionary {
  readonly code: "ja" | "en";
  readonly title: string;
  readonly skipToList: string;
  readonly switchLanguage: { readonly label: string; readonly code: "ja" | "en" };
  readonly loading: string;
  readonly stage: Readonly<Record<Stage, string>>;
  /** One or two letters inside a gauge's mark. */
  readonly stageMark: Readonly<Record<Stage, string>>;
  readonly stageNote: Readonly<Record<Stage, string>>;
  readonly threshold: Readonly<Record<ThresholdName, string>>;
  readonly trend: Readonly<Record<Trend, string>>;
  readonly quality: Readonly<Record<Quality, string>>;
  readonly status: Readonly<Record<Status, string>>;
  readonly alertStatus: Readonly<Record<AlertStatus, string>>;
  readonly alertStatusNote: Readonly<Record<AlertStatus, string>>;
  readonly stream: Readonly<Record<StreamState, string>>;
  readonly age: {
    readonly unknown: string;
    readonly now: string;
    minutes(count: number): string;
    hours(count: number): string;
    days(count: number): string;
  };
  /** `time` is the newest reading's; null when there is none. */
  readonly dataAge: (age: string, time: string | null) => string;
  readonly failed: (time: string) => string;
  readonly failedNever: string;
  readonly replayTitle: string;
  readonly replayNote: string;
  readonly replayTime: (time: string) => string;
  readonly alertsHeading: string;
  readonly noAlerts: string;
  readonly noAlertsThen: (time: string) => string;
  readonly moreAlerts: (count: number) => string;
  readonly newAlert: (status: string, headline: string) => string;
  readonly clearedAlert: (headline: string) => string;
  readonly issuedAt: (time: string) => string;
  readonly mapHeading: string;
  readonly mapPicture: string;
  readonly mapLoading: string;
  readonly mapFailed: string;
  readonly mapHelp: string;
  readonly mapShow: string;
  readonly zoomIn: string;
  readonly zoomOut: string;
  readonly legend: string;
  readonly baseMap: string;
  readonly dataSource: (text: string) => string;
  readonly listHeading: string;
  readonly listOrder: string;
  readonly search: string;
  readonly found: (count: number) => string;
  readonly noneFound: string;
  readonly gaugeCount: (count: number) => string;
  readonly level: string;
  readonly noLevel: string;
  readonly metres: (text: string) => string;
  readonly observed: string;
  readonly toNext: (stage: string, metres: string) => string;
  readonly above: (stage: string, metres: string) => string;
  /** Below a stage that is still held. */
  readonly fallen: (stage: string, metres: string) => string;
  readonly reached: (stage: string) => string;
  readonly silent: string;
  readonly noStages: string;
  readonly back: string;
  readonly detailHeading: (name: string) => string;
  readonly river: string;
  readonly address: string;
  readonly manager: string;
  readonly thresholdsHeading: string;
  readonly notSet: string;
  readonly chartHeading: string;
  readonly chartRange: string;
  readonly hours: (count: number) => string;
  readonly chartSummary: (highest: string, at: string, lowest: string, latest: string) => string;
  readonly chartEmpty: string;
  readonly chartFailed: string;
  readonly chartUnit: string;
  readonly stillsHeading: string;
  readonly noStills: string;
  /** What a camera's image shows and when it was taken. */
  readonly still: (place: string, at: string) => string;
  readonly forecastHeading: string;
  readonly forecastLevel: (at: string, level: string, low: string, high: string) => string;
  readonly chartLegend: string;
  readonly tableHeading: string;
  readonly time: string;
  readonly qualityHeading: string;
  readonly statusHeading: string;
  readonly corrected: string;
  readonly retry: string;
  readonly notice: string;
  /** The city's other pages for residents. */
  readonly pages: Readonly<
    Record<
      "heading" | "buses" | "chargers" | "tags" | "points" | "person" | "catalogue" | "developer",
      string
    >
  >;
}
