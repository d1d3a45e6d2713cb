/** Contours of bitmaps along pixel edges, rings with bridges to their holes, and filling polygons again: exactly inverse. Pure: the page uses it too. */

/**
 * A closed ring as x0, y0, x1, y1, … along pixel edges (see EdgePoint): the top left corner of the first pixel is 0,0, its centre 0.5,0.5.
 * The last point is joined to the first. Rings of {@link traceContours} have corners only, whole numbers, the bitmap's ones to the right
 * of the way.
 */
export type Ring = number[];

/** Directions of travel: up, right, down, left. A turn to the right is one further. */
const UP = 0;
const DOWN = 2;
const STEP_X = [0, 1, 0, -1];
const STEP_Y = [-1, 0, 1, 0];
/** From a corner to the two pixels ahead, by direction: the one to the right continues the ones, the one to the left would block the way. */
const RIGHT_X = [0, 0, -1, -1];
const RIGHT_Y = [-1, 0, 0, -1];
const LEFT_X = [-1, 0, 0, -1];
const LEFT_Y = [-1, -1, 0, 0];

/** A ring as it was walked. */
interface Walked {
  readonly ring: Ring;
  /** A downward unit edge of smallest x: x, and the row beside it. */
  readonly leftX: number;
  readonly leftRow: number;
  /** Twice the area, positive for outer rings. */
  readonly area: number;
}

class Tracer {
  /** By upward unit edge (x + row * (width + 1)): 1 where a ring has gone. */
  private readonly gone: Uint8Array;
  readonly walked: Walked[] = [];

  /** @param most stops after the ring with which there are more corners than this in all. */
  constructor(
    private readonly data: Uint8Array,
    private readonly width: number,
    private readonly height: number,
    private readonly connectivity: 4 | 8,
    most = Number.POSITIVE_INFINITY,
  ) {
    this.gone = new Uint8Array((width + 1) * height);
    let corners = 0;
    // Every ring goes up somewhere: along the left side of a set pixel whose neighbour is not set.
    for (let y = 0, i = 0; y < height; y++)
      for (let x = 0, before = 0; x < width; x++, i++) {
        const pixel = data[i];
        if (pixel !== 0 && before === 0 && this.gone[i + y] === 0) {
          const walked = this.walk(x, y + 1);
          this.walked.push(walked);
          corners += walked.ring.length / 2;
          if (corners > most) return;
        }
        before = pixel;
      }
  }

  private isSet(x: number, y: number): boolean {
    return x >= 0 && y >= 0 && x < this.width && y < this.height && this.data[y * this.width + x] !== 0;
  }

  /** Follows the edge between ones (to the right) and zeros (to the left), beginning upwards at a corner. */
  private walk(startX: number, startY: number): Walked {
    const { gone, width, connectivity } = this;
    const ring: Ring = [];
    let [x, y, direction] = [startX, startY, UP];
    let [leftX, leftRow, area] = [Number.POSITIVE_INFINITY, 0, 0];
    do {
      if (direction === UP) gone[x + (y - 1) * (width + 1)] = 1;
      else if (direction === DOWN && x < leftX) {
        leftX = x;
        leftRow = y;
      }
      area += x * STEP_Y[direction] - y * STEP_X[direction];
      x += STEP_X[direction];
      y += STEP_Y[direction];
      const right = this.isSet(x + RIGHT_X[direction], y + RIGHT_Y[direction]);
      const left = this.isSet(x + LEFT_X[direction], y + LEFT_Y[direction]);
      if (right && !left) continue;
      ring.push(x, y);
      // Where ones touch at a corner only, 8 joins them and 4 keeps them apart.
      const turnLeft = left && (right || connectivity === 8);
      direction = (direction + (turnLeft ? 3 : 1)) & 3;
    } while (x !== startX || y !== startY || direction !== UP);
    return { ring, leftX, leftRow, area };
  }

  /** The holes by the upward edge that is met going left over ones from their leftmost edge: a bridge can lead from there to them. */
  holes(): ReadonlyMap<number, Walked> {
    const hangs = new Map<number, Walked>();
    for (const walked of this.walked) {
      if (walked.area > 0) continue;
      let x = walked.leftX - 1;
      while (this.isSet(x - 1, walked.leftRow)) x--;
      hangs.set(x + walked.leftRow * (this.width + 1), walked);
    }
    return hangs;
  }
}

/**
 * The contours of a bitmap along pixel edges: a ring clockwise around every part, and one the other way around each hole.
 * @param data every value but 0 is set.
 * @param options.connectivity whether pixels that touch at a corner only belong together (8) or not (4, default).
 * @param options.most leaves the rest out after the ring with which there are more corners than this in all; default none.
 */
export function traceContours(
  data: Uint8Array,
  width: number,
  height: number,
  { connectivity = 4, most }: { readonly connectivity?: 4 | 8; readonly most?: number } = {},
): Ring[] {
  return new Tracer(data, width, height, connectivity, most).walked.map(({ ring }) => ring);
}

/**
 * The parts of a bitmap as one ring each, for formats without holes: the ring goes along a horizontal bridge through the part to each hole,
 * around it, and back. A bridge has no area, so that filling the ring gives the same pixels.
 */
export function traceBridged(data: Uint8Array, width: number, height: number, connectivity: 4 | 8 = 4): Ring[] {
  const tracer = new Tracer(data, width, height, connectivity);
  const hangs = tracer.holes();
  const rings: Ring[] = [];
  for (const { ring, area } of tracer.walked) if (area > 0) rings.push(bridge(ring, hangs, width));
  return rings;
}

/** A way around a ring, beginning at one of its points, that is interrupted where a hole hangs. */
interface Way {
  readonly points: Ring;
  /** Next point to go to, as an index of points. */
  next: number;
  /** Place on the ring. */
  x: number;
  y: number;
}

function bridge(outer: Ring, hangs: ReadonlyMap<number, Walked>, width: number): Ring {
  const out: Ring = [];
  const emit = (x: number, y: number) => {
    if (out.length < 2 || out[out.length - 2] !== x || out[out.length - 1] !== y) out.push(x, y);
  };
  const stack: Way[] = [begin(outer)];
  emit(outer[0], outer[1]);
  while (stack.length > 0) {
    const way = stack[stack.length - 1];
    const hole = advance(way, hangs, width, emit);
    if (hole === undefined) {
      stack.pop();
      // Back over the bridge to where the hole hangs.
      const up = stack[stack.length - 1];
      if (up) emit(up.x, up.y);
      continue;
    }
    const { ring, leftX, leftRow } = hole;
    emit(way.x, way.y);
    emit(leftX, leftRow);
    stack.push(begin(rotate(ring, leftX, leftRow)));
  }
  if (out[0] === out[out.length - 2] && out[1] === out[out.length - 1]) out.length -= 2;
  return out;
}

const begin = (points: Ring): Way => ({ points, next: 2, x: points[0], y: points[1] });

/** Goes on along a ring until a hole hangs there or the way ends where it began. */
function advance(
  way: Way,
  hangs: ReadonlyMap<number, Walked>,
  width: number,
  emit: (x: number, y: number) => void,
): Walked | undefined {
  const { points } = way;
  while (way.next <= points.length) {
    const x = points[way.next % points.length];
    const y = points[(way.next % points.length) + 1];
    // Holes hang on upward edges, at their upper end.
    while (way.x === x && way.y > y) {
      way.y--;
      const hole = hangs.get(x + way.y * (width + 1));
      if (hole !== undefined) {
        if (way.y === y) {
          way.next += 2;
        }
        return hole;
      }
    }
    [way.x, way.y] = [x, y];
    emit(x, y);
    way.next += 2;
  }
  return undefined;
}

/** The same ring, beginning at a point on its downward edge that starts at or passes x, y. */
function rotate(ring: Ring, x: number, y: number): Ring {
  for (let i = 0; i < ring.length; i += 2) {
    const [ax, ay] = [ring[i], ring[i + 1]];
    const [bx, by] = [ring[(i + 2) % ring.length], ring[(i + 3) % ring.length]];
    if (ax !== x || bx !== x || ay > y || by <= y) continue;
    const rest = [...ring.slice(i + 2), ...ring.slice(0, i + 2)];
    return ay === y ? [x, y, ...rest.slice(0, -2)] : [x, y, ...rest];
  }
  return ring;
}

/** More steps of edges over rows than this are refused: no picture's outline needs them. */
export const MOST_CROSSINGS = 200_000_000;

/**
 * Sets the pixels whose centre lies inside rings, by the even-odd rule over all of them; a centre on a left or upper edge is inside.
 * Points may lie outside the bitmap.
 * @returns the number of pixels inside, whether or not they were set before.
 * @throws RangeError when the rings cross more rows than {@link MOST_CROSSINGS}.
 */
export function fillRings(
  rings: readonly ArrayLike<number>[],
  into: Uint8Array,
  width: number,
  height: number,
): number {
  let [top, bottom, left, right, crossings] = [height, 0, width, 0, 0];
  const pixelAt = (x: number) => Math.min(width, Math.max(0, Math.ceil(x - 0.5)));
  const rowsOf = (low: number, high: number) => [
    Math.max(0, Math.ceil(low - 0.5)),
    Math.min(height, Math.ceil(high - 0.5)),
  ];
  const eachEdge = (visit: (ax: number, ay: number, bx: number, by: number) => void) => {
    for (const ring of rings)
      for (let i = 0, n = ring.length; i + 1 < n; i += 2) {
        const j = i + 3 < n ? i + 2 : 0;
        // From the upper end to the lower: an edge that is gone both ways crosses each row at the very same place.
        if (ring[i + 1] < ring[j + 1]) visit(ring[i], ring[i + 1], ring[j], ring[j + 1]);
        else if (ring[i + 1] > ring[j + 1]) visit(ring[j], ring[j + 1], ring[i], ring[i + 1]);
      }
  };
  eachEdge((ax, ay, bx, by) => {
    const [first, end] = rowsOf(ay, by);
    if (first >= end) return;
    top = Math.min(top, first);
    bottom = Math.max(bottom, end);
    left = Math.min(left, pixelAt(Math.min(ax, bx)));
    right = Math.max(right, pixelAt(Math.max(ax, bx)));
    crossings += end - first;
  });
  if (crossings > MOST_CROSSINGS) throw new RangeError('its polygons have too many corners');
  if (top >= bottom || left >= right) return 0;
  const columns = right - left + 1;
  // Parity changes at the first pixel whose centre is right of the crossing.
  const toggles = new Uint8Array(columns * (bottom - top));
  eachEdge((ax, ay, bx, by) => {
    const [first, end] = rowsOf(ay, by);
    for (let row = first; row < end; row++) {
      const x = ax === bx ? ax : ax + ((row + 0.5 - ay) * (bx - ax)) / (by - ay);
      toggles[(row - top) * columns + Math.min(right, Math.max(left, pixelAt(x))) - left] ^= 1;
    }
  });
  let covered = 0;
  for (let row = top; row < bottom; row++) {
    let inside = 0;
    for (let x = left; x < right; x++) {
      inside ^= toggles[(row - top) * columns + x - left];
      if (inside === 0) continue;
      into[row * width + x] = 1;
      covered++;
    }
  }
  return covered;
}

/** A ring with fewer corners, none of the left-out ones further than `tolerance` pixels from it (Douglas and Peucker, 1973). */
export function simplifyRing(ring: Ring, tolerance: number): Ring {
  const count = ring.length / 2;
  if (tolerance <= 0 || count <= 4) return ring;
  // Two points far from each other cut the ring into two lines.
  let far = 0;
  let farthest = -1;
  for (let i = 1; i < count; i++) {
    const distance = Math.hypot(ring[2 * i] - ring[0], ring[2 * i + 1] - ring[1]);
    if (distance > farthest) [far, farthest] = [i, distance];
  }
  const kept = new Uint8Array(count + 1);
  kept[0] = kept[far] = kept[count] = 1;
  const lines = [
    [0, far],
    [far, count],
  ];
  for (let line = lines.pop(); line; line = lines.pop()) {
    const [from, to] = line;
    let [worst, at] = [tolerance, -1];
    for (let i = from + 1; i < to; i++) {
      const distance = distanceToLine(ring, i, from, to % count);
      if (distance > worst) [worst, at] = [distance, i];
    }
    if (at < 0) continue;
    kept[at] = 1;
    lines.push([from, at], [at, to]);
  }
  const out: Ring = [];
  for (let i = 0; i < count; i++) if (kept[i]) out.push(ring[2 * i], ring[2 * i + 1]);
  return out.length >= 6 ? out : ring;
}

function distanceToLine(ring: Ring, point: number, from: number, to: number): number {
  const [px, py] = [ring[2 * point] - ring[2 * from], ring[2 * point + 1] - ring[2 * from + 1]];
  const [dx, dy] = [ring[2 * to] - ring[2 * from], ring[2 * to + 1] - ring[2 * from + 1]];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / length));
  return Math.hypot(px - along * dx, py - along * dy);
}
