/** What models find, as it is written out: regions as plain values, maps as pictures. */
import { type Box, type DetectedRegion, type Drift, type Plane, writePng } from '@adclick/core';

/** A region as it is written out. */
export interface WrittenRegion {
  readonly area: number;
  readonly box: Box;
  readonly peak: { readonly x: number; readonly y: number; readonly value: number };
}

/** A score as it is written out: to a thousandth of a grey level. */
export const roundScore = (value: number) => Number(value.toFixed(6));

/** A detection's regions as they are written out. */
export const writtenRegions = (regions: readonly DetectedRegion[]): WrittenRegion[] =>
  regions.map(({ area, box, peak, value }) => ({
    area,
    box,
    peak: { x: peak.x, y: peak.y, value: roundScore(value) },
  }));

/** How pictures of the line are taken as good. */
const TAKING = {
  line: '`adclick adapt` takes them as good',
  page: 'say so of each (N), then take them as good (Shift+D)',
} as const;

/** That the last pictures differ from the good ones of a detector, in sentences. @param told at the line, or in the page. */
export function driftText({ by, pictures, of, expected }: Drift, told: keyof typeof TAKING = 'line'): string {
  const [what, unless] =
    by === 'everywhere'
      ? ['look stranger all over than nine in ten of the good pictures that the detector knows', '']
      : ['score higher than three in four of the good pictures that the detector knows', 'Unless most are defective, '];
  const share = `about ${Math.round(100 * expected)} % false alarms`;
  const expect = `${unless ? `${unless}expect` : 'Expect'} ${share}; where they are good, ${TAKING[told]}`;
  return `${pictures} of the last ${of} pictures ${what}. ${expect}.`;
}

/** Writes probabilities as 16-bit grey PNG: value / 65535. */
export async function writeProbability(path: string, { data, width, height }: Plane): Promise<void> {
  await writePng(path, {
    data: Uint16Array.from(data, (value) => Math.round(value * 65535)),
    width,
    height,
    channels: 1,
  });
}
