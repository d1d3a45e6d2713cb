/**
 * The shapes that a line of a YOLO label can be: class and box, class and polygon, class, box and key points; in files of predictions a
 * confidence and the number of a track stand behind.
 */
import type { Classes } from './yolo-classes.ts';

/** A shape in shares of the picture's sides. */
export interface YoloShape {
  readonly kind: 'box' | 'polygon';
  readonly values: readonly number[];
}

/** Shares by which a coordinate may lie outside of the picture, as in Ultralytics. */
const BEYOND = 0.01;
/** Shares by which a key point may lie outside of its box. */
const LOOSE = 0.05;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

const isShare = (value: number) => value >= -BEYOND && value <= 1 + BEYOND;

/** The numbers of a line, or which of its words is none. */
export function numbersOf(line: string): number[] | string {
  const words = line.trim().split(/\s+/);
  const odd = words.findIndex((word) => !NUMBER.test(word));
  if (odd < 0) return words.map(Number);
  return `has ${JSON.stringify(words[odd]?.slice(0, 40))} where a number with a decimal point belongs`;
}

/**
 * Whether the numbers after the class are a box and key points of x, y and visibility (0, 1 or 2), where nothing else says so:
 * `maybe` when a polygon of three points with a confidence would look the same.
 */
function isPose(values: readonly number[]): boolean | 'maybe' {
  if (values.length < 7 || (values.length - 4) % 3 !== 0) return false;
  const [x, y, width, height] = values;
  let twos = false;
  let inside = width > 0 && height > 0;
  for (let i = 4; i < values.length; i += 3) {
    const [px, py, seen] = values.slice(i, i + 3);
    if (seen !== 0 && seen !== 1 && seen !== 2) return false;
    twos ||= seen === 2;
    const near = Math.abs(px - x) <= width / 2 + LOOSE && Math.abs(py - y) <= height / 2 + LOOSE;
    inside &&= near || (seen === 0 && px === 0 && py === 0);
  }
  // A 2 is no coordinate of a polygon.
  if (twos) return true;
  return inside && (values.length === 7 ? 'maybe' : true);
}

/** What the lines of a data set say of tracks: numbers that films of detections have behind the confidence. */
export class Tracks {
  private surely = false;
  private boxes = 0;
  private others = 0;

  add(line: string): void {
    if (this.surely) return;
    const numbers = numbersOf(line);
    const values = typeof numbers === 'string' ? [] : numbers.slice(1);
    const last = values[values.length - 1] ?? 0;
    const even = values.length >= 6 && values.length % 2 === 0 && values.slice(0, -1).every(isShare) && !isPose(values);
    // A whole number above 1 is no coordinate.
    if (even && Number.isInteger(last) && last > 1) this.surely = true;
    else if (even && values.length === 6 && last === 1) this.boxes++;
    else this.others++;
  }

  /**
   * Whether confidence and track stand behind the shapes. The first track is number 1, which could be a coordinate as well: one line alone
   * that could be a box of that track or a triangle is `maybe` one.
   */
  get behind(): boolean | 'maybe' {
    if (this.surely) return true;
    if (this.others > 0 || this.boxes === 0) return false;
    return this.boxes > 1 || 'maybe';
  }
}

/** How the lines of a data set are to be read. */
export interface Reading {
  readonly keypoints?: Classes['keypoints'];
  readonly tracked: boolean | 'maybe';
  /** Whether there are only polygons, as in exports of this program. */
  readonly polygons: boolean;
}

/** The shape behind the class of a line, or what is wrong with it. */
export function shapeOf(values: readonly number[], { keypoints, tracked, polygons }: Reading): YoloShape | string {
  const count = values.length;
  if (polygons && count > 4) return checked('polygon', values);
  if (keypoints) {
    const wanted = 4 + keypoints.count * keypoints.numbers;
    if (count === 4 || (count >= wanted && count <= wanted + 2)) return checked('box', values.slice(0, 4));
    return `has ${count} numbers after its class; kpt_shape asks for ${wanted}`;
  }
  if (count < 4) return `has ${count} numbers after its class, too few for a box`;
  if (count <= 5) return checked('box', values.slice(0, 4));
  const pose = isPose(values);
  if (pose === 'maybe')
    return 'is a box with a key point, or a polygon with a confidence; kpt_shape in data.yaml would tell';
  if (pose) return checked('box', values.slice(0, 4));
  if (tracked === 'maybe') return 'is a box with a confidence and a track, or a triangle, and nothing tells which';
  const last = values[count - 1];
  if (count % 2 === 1 && last > 1 && !Number.isInteger(last)) return `has an odd number of coordinates, ${count}`;
  const rest = values.slice(0, count % 2 === 1 ? -1 : tracked ? -2 : undefined);
  return checked(rest.length === 4 ? 'box' : 'polygon', rest);
}

function checked(kind: YoloShape['kind'], values: readonly number[]): YoloShape | string {
  const odd = values.findIndex((value) => !isShare(value));
  if (odd < 0) return { kind, values };
  return `has the coordinate ${values[odd]}, but coordinates are shares of the picture from 0 to 1`;
}
