/** The buses' JSON, as these pages read it. Times are ISO 8601. */
import type { LineString, Polygon } from "geojson";

export interface Stop {
  readonly id: string;
  readonly name: string;
  readonly longitude: number;
  readonly latitude: number;
  readonly closedBecause: string | null;
  /** The gauge that closed it, or the closed road that it stands on; null for a person. */
  readonly closedBy: string | null;
}

/** A place by its coordinates. */
export interface Point {
  readonly longitude: number;
  readonly latitude: number;
}

/** Where people ride from any place: buses come to it (`door`), or they walk at most so many metres to a stop. */
export interface Zone {
  readonly id: string;
  readonly name: string;
  readonly geometry: Polygon;
  readonly door: boolean;
  readonly walk: number;
}

/** Where somebody gets on or off: the place itself (`door`), or a stop so many metres away. */
export interface Located extends Point {
  readonly id: string;
  readonly name: string;
  readonly door: boolean;
  readonly metres: number;
}

export type Side =
  | "north"
  | "north-east"
  | "east"
  | "south-east"
  | "south"
  | "south-west"
  | "west"
  | "north-west";

/** Whether a place is served; if not, the zone where one would walk too far, or the nearest zone's edge. */
export type Found =
  | { readonly served: true; readonly stop: Located }
  | {
      readonly served: false;
      readonly zone: Zone | null;
      readonly edge: (Point & { readonly zone: Zone; readonly metres: number; readonly side: Side }) | null;
      readonly nearest: Located | null;
    };

/** On which days buses run; `closed` are the days of the next two months without service, and why. */
export interface Calendar {
  readonly weekdays: readonly number[];
  readonly onHolidays: boolean;
  readonly without: Readonly<Record<string, string>>;
  readonly extra: readonly string[];
  readonly holidaysUntil: string | null;
  readonly closed: Readonly<Record<string, string>>;
}

/** A stretch of road (a line), or ground (an area's border), that buses go around while it is closed. */
export interface Road {
  readonly id: string;
  readonly name: string;
  readonly geometry: LineString | Polygon;
  readonly closedBecause: string | null;
  readonly closedBy: string | null;
}

export interface Offer {
  readonly pickupFrom: string;
  readonly pickupUntil: string;
  readonly arriveBy: string;
  /** Yen for all who ride. */
  readonly fare: number;
}

export interface Ride {
  readonly origin: string | Point;
  readonly destination: string | Point;
  readonly earliest: string;
  readonly seats: number;
  readonly wheelchairs: number;
}

export type Payment = "cash" | "points";

export type BookingState = "booked" | "cancelled" | "no-show" | "broken";

export interface Booking {
  readonly id: string;
  readonly origin: string;
  readonly destination: string;
  readonly seats: number;
  readonly wheelchairs: number;
  readonly promise: Omit<Offer, "fare">;
  readonly state: BookingState;
  readonly because: string | null;
  readonly fare: number;
  /** Promises that a breakdown or closure broke, the first one first. */
  readonly breaches: readonly { readonly because: string }[];
  readonly alightedAt: string | null;
  readonly vehicle?: string;
  readonly pickupExpected?: string;
  readonly arrivalExpected?: string;
}

export interface Rider {
  readonly id: string;
  readonly name: string;
  readonly kana: string;
  readonly phone: string;
  readonly mail: string | null;
  readonly wheelchairs: number;
  readonly home: string | null;
  readonly member: boolean;
  readonly note: string;
}

export interface Vehicle {
  readonly id: string;
  readonly name: string;
  readonly seats: number;
  readonly wheelchairs: number;
  readonly brokenBecause: string | null;
}

export interface Task {
  readonly booking: string;
  readonly boards: boolean;
  readonly stop: string;
  readonly planned: string;
  readonly expected: string;
  readonly done: string | null;
  readonly lateMinutes: number;
  readonly arrived: boolean;
  readonly name: string;
  readonly kana: string;
  readonly phone: string;
  readonly note: string;
  readonly seats: number;
  readonly wheelchairs: number;
  readonly fare: number;
  readonly payment: Payment;
  readonly state: BookingState;
  readonly promisedFrom: string;
  readonly promisedUntil: string;
  readonly arriveBy: string;
}

/** A driver's break at the depot. `begun`: it is had, or the bus drives to it. */
export interface Break {
  readonly from: string;
  readonly until: string;
  readonly begun: boolean;
}

export interface Trip {
  readonly day: string;
  readonly vehicle: Vehicle;
  readonly stops: Readonly<Record<string, Stop>>;
  readonly tasks: readonly Task[];
  readonly breaks: readonly Break[];
}

export interface BoardVehicle extends Vehicle {
  readonly shiftFrom: string;
  readonly shiftUntil: string;
  readonly position: {
    readonly longitude: number;
    readonly latitude: number;
    readonly at: string;
    readonly doubted: boolean;
  } | null;
  readonly tasks: readonly Task[];
  readonly breaks: readonly Break[];
  /** Breaks for which the promises made leave no time. */
  readonly breaksMissing: number;
}

export interface Board {
  readonly day: string;
  readonly now: string;
  readonly stops: readonly Stop[];
  readonly vehicles: readonly BoardVehicle[];
  readonly roads: readonly Road[];
  readonly broken: readonly (Booking & { readonly name: string })[];
  /** Promised another ride than at first. */
  readonly moved: readonly (Booking & { readonly name: string })[];
}

export const WHAT = ["arrived", "boarded", "alighted", "no-show"] as const;
export type What = (typeof WHAT)[number];

/** What a driver says of a rider. `id` is made on the tablet, so that a report sent twice counts once. */
export interface Report {
  readonly id: string;
  readonly booking: string;
  readonly what: What;
  readonly at: string;
}
