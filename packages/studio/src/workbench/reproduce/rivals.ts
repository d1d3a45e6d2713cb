/** Other methods that draw masks from clicks: what `--rival KIND:ARGUMENT` means, one entry a kind. */
import { fail } from '../../errors.ts';
import { resolveWeights } from '../../project/model-files.ts';
import type { WeightsFrom } from './cells.ts';
import { weightsOf } from './weights.ts';

/** A method as a row shows it and as a cell of clicks runs it. */
export interface Rival {
  readonly method: string;
  readonly weights: WeightsFrom;
  /** Files that it needs, by the SHA-256 of their content. */
  readonly files: Readonly<Record<string, string>>;
}

/** Opens a rival by what stands behind the colon. */
const RIVALS: Readonly<Record<string, (argument: string) => Promise<Rival>>> = {
  /** Any other click weights. */
  weights: async (argument) => {
    const path = resolveWeights(argument);
    const { weights, trainedOn } = await weightsOf(path);
    return { method: `ADClick, ${weights.name}, trained on ${trainedOn}`, weights, files: { [weights.file]: path } };
  },
};

/** @throws ADC_USAGE for a kind that is none, ADC_WEIGHTS_…. */
export async function openRival(asked: string): Promise<Rival> {
  const at = asked.indexOf(':');
  const kind = asked.slice(0, Math.max(0, at));
  if (!Object.hasOwn(RIVALS, kind)) {
    const what = `--rival ${asked} is not KIND:ARGUMENT with a KIND of ${Object.keys(RIVALS).join(', ')}`;
    throw fail('ADC_USAGE', { what, command: 'adclick reproduce' });
  }
  return RIVALS[kind](asked.slice(at + 1));
}
