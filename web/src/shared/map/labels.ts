/** Which names fit on the map, and which gauge the arrow keys go to. Pure; pixels on the screen. */

export interface LabelBox {
  readonly id: string;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function overlaps(a: LabelBox, b: LabelBox): boolean {
  return (
    a.left < b.left + b.width &&
    b.left < a.left + a.width &&
    a.top < b.top + b.height &&
    b.top < a.top + a.height
  );
}

/** A label lies on a mark of its own gauge by nature, and on those of others only when `firm`. */
export interface WantedLabel extends LabelBox {
  readonly firm: boolean;
}

/**
 * The ids of the labels that can be shown, the first in `wanted` first: none lies on another label, and none but
 * the firm ones on another gauge's mark.
 */
export function fitLabels(wanted: readonly WantedLabel[], marks: readonly LabelBox[]): Set<string> {
  const placed: LabelBox[] = [];
  for (const label of wanted) {
    const hidesMark = !label.firm && marks.some((mark) => mark.id !== label.id && overlaps(label, mark));
    if (!hidesMark && !placed.some((other) => overlaps(label, other))) placed.push(label);
  }
  return new Set(placed.map((label) => label.id));
}

/** For each label the number of the first of its places that lies on no label before it; -1 where all of them do. */
export function placeLabels(wanted: readonly (readonly LabelBox[])[]): number[] {
  const placed: LabelBox[] = [];
  return wanted.map((places) => {
    const free = places.findIndex((place) => !placed.some((other) => overlaps(place, other)));
    const place = places[free];
    if (place !== undefined) placed.push(place);
    return free;
  });
}

export interface Spot {
  readonly id: string;
  readonly x: number;
  readonly y: number;
}

export type Direction = "up" | "down" | "left" | "right";

const HEADING: Readonly<Record<Direction, readonly [number, number]>> = {
  up: [0, -1],
  down: [0, 1],
  left: [-1, 0],
  right: [1, 0],
};

/** The nearest spot in a quarter turn around `direction`, sideways distance counting double; null if none lies there. */
export function neighbour(spots: readonly Spot[], from: Spot, direction: Direction): Spot | null {
  const [hx, hy] = HEADING[direction];
  let best: Spot | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const spot of spots) {
    const ahead = (spot.x - from.x) * hx + (spot.y - from.y) * hy;
    const aside = Math.abs((spot.x - from.x) * hy) + Math.abs((spot.y - from.y) * hx);
    const cost = ahead + 2 * aside;
    if (spot.id !== from.id && ahead > 0 && aside <= ahead && cost < least) {
      best = spot;
      least = cost;
    }
  }
  return best;
}
