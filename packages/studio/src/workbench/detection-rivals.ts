/** Other methods under the detection evaluation, by the words that name them on the command line. */
import type { ReferenceIndex } from '@adclick/core';
import { PatchCore } from '@adclick/core/evaluation';
import { BACKBONES, type BackboneName, DEFAULT_BACKBONE } from '@adclick/core/models';
import { fail } from '../errors.ts';
import type { WorkOptions } from '../jobs/progress.ts';

const PATCHCORE = 'patchcore';

const isBackbone = (name: string): name is BackboneName => Object.hasOwn(BACKBONES, name);

/** The backbone that a rival is asked for with: `patchcore` or `patchcore:BACKBONE`. @throws ADC_USAGE for other names. */
export function rivalBackbone(rival: string): BackboneName {
  const [name, backbone = DEFAULT_BACKBONE, ...more] = rival.split(':');
  if (name === PATCHCORE && more.length === 0 && isBackbone(backbone)) return backbone;
  const known = Object.keys(BACKBONES).map((name) => `${PATCHCORE}:${name}`);
  const what = `There is no rival ${rival}, only ${PATCHCORE} and ${known.join(', ')}`;
  throw fail('ADC_USAGE', { what, command: 'adclick evaluate detection' });
}

/** What fitting a rival takes. */
export interface DetectionRivalRequest extends WorkOptions {
  /** Good pictures, described by the rival's backbone. */
  readonly index: ReferenceIndex;
  readonly place?: number;
  readonly sigma?: number;
  readonly seed: number;
}

/** Fits a rival to good pictures. @throws what reading them throws, the signal's reason. */
export async function detectionRival(
  rival: string,
  { index, place, sigma, seed, signal, onProgress }: DetectionRivalRequest,
): Promise<{ readonly name: string; readonly method: PatchCore }> {
  const method = await PatchCore.fit(index, { place, sigma, seed, signal, onProgress });
  const code = place ? ` with places weighed ${place}` : '';
  return { name: `${PATCHCORE} (${rivalBackbone(rival)})${code}`, method };
}
