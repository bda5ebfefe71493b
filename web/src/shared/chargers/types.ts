/** What the gateway says of charging stations. */

export const USES = ["free", "in-use", "out-of-order", "unknown"] as const;
export type Use = (typeof USES)[number];

export interface Place {
  readonly type: string;
  readonly coordinates: readonly [number, number];
}

/** A station as anybody may know it: how many connectors are in which use. */
export interface PublicStation {
  readonly id: string;
  readonly name: string;
  readonly location: Place | null;
  readonly connectors: Readonly<Record<Use, number>>;
}

/** What a station is to somebody who comes: the best that one of its connectors offers. */
export function best(station: PublicStation): Use {
  const order: readonly Use[] = ["free", "in-use", "unknown"];
  return order.find((use) => station.connectors[use] > 0) ?? "out-of-order";
}

export interface Connector {
  readonly connector: number;
  readonly use: Use;
  readonly status: string;
  readonly fault: { readonly ja: string; readonly en: string } | null;
  readonly info: string;
  readonly powerW: number | null;
  readonly limitW: number | null;
  readonly mostW: number;
  /** What the vehicle there asks for, where it says so. */
  readonly asks: { readonly wh: number | null; readonly departsAt: string | null } | null;
}

export interface ChargingSession {
  readonly station: string;
  readonly transaction: string;
  readonly connector: number | null;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly kwh: number;
  readonly powerW: number | null;
  readonly stateOfCharge: number | null;
  readonly authorized: boolean | null;
  readonly reason: string | null;
  readonly flags: readonly string[];
}

export type Priority = "emergency" | "shelter" | "fleet" | "public";

export interface Station {
  readonly id: string;
  readonly name: string;
  readonly connected: boolean;
  readonly protocol: string;
  readonly vendor: string;
  readonly model: string;
  readonly firmware: string;
  readonly firmwareStatus: string | null;
  readonly diagnosticsStatus: string | null;
  readonly site: string | null;
  readonly priority: Priority;
  readonly flooded: boolean;
  readonly refused: boolean;
  readonly v2hW: number | null;
  readonly batteryKwh: number;
  readonly floodsWith: readonly string[];
  readonly connectors: readonly Connector[];
  readonly sessions: readonly ChargingSession[];
}

/** A key of 1.6's configuration or a variable of 2.0.1's device model; null is not told (a password). */
export interface Variable {
  readonly name: string;
  readonly value: string | null;
  readonly writable: boolean;
  readonly unit: string;
  readonly at: string;
}

/** What a vehicle at a station could give the shelter. */
export interface Supply {
  readonly station: string;
  readonly stateOfCharge: number | null;
  readonly kwh: number;
  readonly powerW: number;
  readonly hours: number;
}

export type Sharing = "fair" | "need" | "departure";

/** A peak cut of every day: minutes after midnight in Japan, and watts. */
export interface Window {
  readonly from: number;
  readonly until: number;
  readonly limitW: number;
}

export interface Site {
  readonly id: string;
  readonly name: string;
  readonly limitW: number;
  readonly limitNowW: number;
  readonly sharing: Sharing;
  readonly windows: readonly Window[];
  readonly partOf: string | null;
  readonly meter: string | null;
  readonly meterAttribute: string;
  readonly baseW: number;
  readonly shelter: boolean;
  readonly loadW: number;
  readonly powerW: number;
  readonly givenW: number;
  readonly stations: readonly string[];
  readonly supply: readonly Supply[];
}

/** The most of a minute, in watts. */
export interface Load {
  readonly at: string;
  readonly powerW: number;
  readonly givenW: number;
  readonly limitW: number;
}

/** A flood alert that proposes the disaster mode; `stations` are those that its river reaches. */
export interface Proposal {
  readonly alert: string;
  readonly headline: string | null;
  readonly headlineEn: string | null;
  readonly mode: string | null;
  readonly stations: readonly string[];
}

export interface Emergency {
  readonly id: string;
  readonly openedAt: string;
  readonly openedBy: string;
  readonly because: string;
  readonly publicCapW: number;
  readonly emergencyFloorW: number;
  readonly closedAt: string | null;
  readonly closedBy: string | null;
}

export interface Disaster {
  readonly open: Emergency | null;
  readonly proposals: readonly Proposal[];
  readonly past: readonly Emergency[];
}
