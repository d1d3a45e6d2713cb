/** Defective regions of an anomaly map. */
import { connectedComponents } from '../image/components.ts';
import { type ImageBox, type ImagePoint, imageBox, imagePoint } from '../image/points.ts';
import type { Mask, Plane } from '../image/types.ts';

/** A connected part of a map above a threshold. */
export interface DetectedRegion {
  /** Pixels. */
  readonly area: number;
  readonly box: ImageBox;
  /** Where the map is highest; the first such pixel in row-major order. */
  readonly peak: ImagePoint;
  /** The map there. */
  readonly value: number;
}

/** 8-connected parts of a map above a threshold. */
function partsAbove({ data, width, height }: Plane, threshold: number) {
  const above = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) above[i] = data[i] > threshold ? 1 : 0;
  return connectedComponents(above, width, height, 8);
}

/**
 * 8-connected parts of a map above a threshold, largest area first.
 * @param map of the picture's own size.
 * @param minArea pixels; smaller ones are left out.
 */
export function regionsOf(map: Plane, threshold: number, minArea: number): DetectedRegion[] {
  const { data, width } = map;
  const { labels, areas, boxes } = partsAbove(map, threshold);
  const peaks = areas.map(() => -1);
  for (let i = 0; i < data.length; i++) {
    const at = labels[i] - 1;
    if (at < 0) continue;
    const peak = peaks[at];
    if (peak < 0 || data[i] > data[peak]) peaks[at] = i;
  }
  return areas
    .map((area, at) => {
      const peak = peaks[at];
      const place = imagePoint(peak % width, Math.floor(peak / width));
      return { area, box: imageBox(boxes[at]), peak: place, value: data[peak] };
    })
    .filter(({ area }) => area >= minArea)
    .sort((a, b) => b.area - a.area);
}

/** The pixels of {@link regionsOf}'s regions: 1 inside, else 0. */
export function regionMask(map: Plane, threshold: number, minArea: number): Mask {
  const { labels, areas } = partsAbove(map, threshold);
  const data = Uint8Array.from(labels, (label) => (label > 0 && areas[label - 1] >= minArea ? 1 : 0));
  return { data, width: map.width, height: map.height, channels: 1 };
}
