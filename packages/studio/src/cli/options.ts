/** Parsers of option values; what they refuse becomes an ADC_USAGE line. */
import type { ImageScore } from '@adclick/core';
import { BACKBONES, type BackboneName, DEFAULT_BACKBONE, PAPER } from '@adclick/core/models';
import { InvalidArgumentError } from 'commander';
import { FORMATS, type Format } from '../api.ts';
import { PAPER_WIDTH } from '../detectors/training-options.ts';

/** A whole number in a range. */
export const wholeNumber =
  (low: number, high = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= low && value <= high) return value;
    const range = high === Number.MAX_SAFE_INTEGER ? `${low} or more` : `${low} to ${high}`;
    throw new InvalidArgumentError(`It must be a whole number, ${range}.`);
  };

/** Channels of an attention head of the published network, and of the widest network that is taken: twice the published one. */
const HEAD = 32;
const WIDEST = 2048;

/** The width of a published network. */
export function networkWidth(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value > 0 && value <= WIDEST && value % HEAD === 0) return value;
  throw new InvalidArgumentError(`It must be a multiple of ${HEAD}, at most ${WIDEST}.`);
}

export const WIDTH_HELP = `channels of the network of --preset ${PAPER}, a multiple of ${HEAD} (default: ${PAPER_WIDTH}; published: 1024)`;

/** The side of a model grid, or `auto`. */
export const gridSide = (text: string): number | 'auto' => (text === 'auto' ? text : wholeNumber(128, 4096)(text));

export const BACKBONE_HELP = `network whose descriptors are compared (default: ${DEFAULT_BACKBONE})`;

/** The name of a backbone. */
export function backboneOption(text: string): BackboneName {
  const names = Object.keys(BACKBONES) as BackboneName[];
  const found = names.find((name) => name === text);
  if (found) return found;
  throw new InvalidArgumentError(`It must be one of ${names.join(', ')}.`);
}

/** A number in a range. */
export const number =
  (low: number, high: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && value >= low && value <= high) return value;
    throw new InvalidArgumentError(`It must be a number, ${low} to ${high}.`);
  };

/** How the score of a picture is read from its map: `max`, `topk:100`, `pool:16`. */
export function imageScore(text: string): ImageScore {
  const [rule, size = ''] = text.split(':');
  const count = Number(size);
  const isCount = /^\d+$/.test(size) && count > 0 && count <= 1e6;
  if (text === 'max') return { rule: 'max' };
  if (rule === 'topk' && isCount) return { rule, pixels: count };
  if (rule === 'pool' && isCount) return { rule, side: count };
  throw new InvalidArgumentError('It must be max, topk:PIXELS or pool:SIDE.');
}

/** A file name that ends in the given extension. */
export const fileEnding =
  (extension: string) =>
  (text: string): string => {
    if (text.toLowerCase().endsWith(extension)) return text;
    throw new InvalidArgumentError(`It must end in ${extension}.`);
  };

/** Collects a repeatable option. */
export const collect = (value: string, previous: readonly string[] = []): string[] => [...previous, value];

/** The name of an exchange format. */
export function formatOption(text: string): Format {
  const found = FORMATS.find((name) => name === text.toLowerCase());
  if (found) return found;
  throw new InvalidArgumentError(`It must be one of ${FORMATS.join(', ')}.`);
}
