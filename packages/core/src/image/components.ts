/** Connected components of a mask: labels, areas and bounding boxes. */

import { Scratch } from './scratch.ts';

/** A rectangle in pixels; `x`, `y` is its top left pixel. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Components {
  /** 0 background, otherwise 1…count, numbered by first pixel in row-major order. */
  readonly labels: Int32Array;
  readonly count: number;
  /** Pixels of label `i + 1` at index `i`. */
  readonly areas: number[];
  /** Smallest rectangle of label `i + 1` at index `i`. */
  readonly boxes: Box[];
}

/** Root of a label, halving the path on the way. */
function findRoot(parents: Int32Array, label: number): number {
  let root = label;
  while (parents[root] !== root) {
    parents[root] = parents[parents[root]];
    root = parents[root];
  }
  return root;
}

function unite(parents: Int32Array, a: number, b: number): number {
  const rootA = findRoot(parents, a);
  const rootB = findRoot(parents, b);
  const root = Math.min(rootA, rootB);
  parents[rootA] = root;
  parents[rootB] = root;
  return root;
}

const provisional = new Scratch((length) => new Int32Array(length));

/** First pass: provisional labels and which of them touch. @returns parents, and how many labels were given. */
function labelRuns(mask: Uint8Array, width: number, height: number, eight: boolean, labels: Int32Array) {
  const parents = provisional.take(Math.ceil(mask.length / 2) + 2);
  let given = 0;
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      if (!mask[i]) continue;
      const west = x > 0 ? labels[i - 1] : 0;
      const north = y > 0 ? labels[i - width] : 0;
      let label = west || north;
      if (west && north && west !== north) label = unite(parents, west, north);
      if (eight && y > 0 && !north) {
        const northWest = x > 0 ? labels[i - width - 1] : 0;
        const northEast = x + 1 < width ? labels[i - width + 1] : 0;
        if (!label) label = northWest || northEast;
        else if (!west && northWest) label = unite(parents, label, northWest);
        if (northEast && northEast !== label) label = unite(parents, label, northEast);
      }
      if (!label) {
        label = ++given;
        parents[label] = label;
      }
      labels[i] = label;
    }
  return { parents, given };
}

/**
 * Labels the non-zero pixels by two passes with union-find.
 * @param connectivity 4 (edges) or 8 (edges and corners). @param labels where they are written; a new array by default.
 */
export function connectedComponents(
  mask: Uint8Array,
  width: number,
  height: number,
  connectivity: 4 | 8,
  labels: Int32Array = new Int32Array(mask.length),
): Components {
  if (mask.length !== width * height)
    throw new RangeError(`connectedComponents: ${mask.length} pixels are not ${width} x ${height}`);
  labels.fill(0);
  const { parents, given } = labelRuns(mask, width, height, connectivity === 8, labels);
  const final = new Int32Array(given + 1);
  let count = 0;
  for (let label = 1; label <= given; label++) {
    const root = findRoot(parents, label);
    final[label] = root === label ? ++count : final[root];
  }
  const areas = new Array<number>(count).fill(0);
  const left = new Int32Array(count).fill(width);
  const right = new Int32Array(count);
  const top = new Int32Array(count).fill(height);
  const bottom = new Int32Array(count);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      if (!labels[i]) continue;
      const label = final[labels[i]];
      labels[i] = label;
      const at = label - 1;
      areas[at] = areas[at] + 1;
      if (x < left[at]) left[at] = x;
      if (x > right[at]) right[at] = x;
      if (y < top[at]) top[at] = y;
      bottom[at] = y;
    }
  const boxes = areas.map((_, at) => {
    const [x, y] = [left[at], top[at]];
    return { x, y, width: right[at] - x + 1, height: bottom[at] - y + 1 };
  });
  return { labels, count, areas, boxes };
}
