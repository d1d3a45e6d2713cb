/** Weights for the time measurements: the shipped ones, or untrained ones of the same size where none are shipped yet. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { compileStep, Runtime, reduceMean, Trainer } from '@adclick/ortgrad';
import { BACKBONES, DEFAULT_BACKBONE, tokenDims } from '../../packages/core/src/features/backbones.ts';
import { modelFolders } from '../../packages/core/src/models.ts';
import {
  adclick,
  clickInputs,
  embedResidual,
  PRESETS,
  residualInput,
} from '../../packages/core/src/networks/adclick.ts';
import { saveClickWeights } from '../../packages/core/src/networks/click-weights.ts';

/** Weights to measure with. */
export interface BenchWeights {
  /** File, or name of shipped weights. */
  readonly weights: string;
  readonly shipped: boolean;
}

const SHIPPED = 'adclick-small';

/** The shipped weights; untrained ones, written to `folder`, when the models folder has none: time does not depend on the values. */
export async function benchWeights(folder: string): Promise<BenchWeights> {
  if (modelFolders().some((models) => existsSync(join(models, SHIPPED, 'weights.safetensors'))))
    return { weights: SHIPPED, shipped: true };
  const path = join(folder, 'untrained.safetensors');
  if (existsSync(path)) return { weights: path, shipped: false };
  const side = 32;
  const residualDims = tokenDims(BACKBONES[DEFAULT_BACKBONE]);
  const program = compileStep((graph, parameters) => {
    const settings = { ...PRESETS.small, residualDims };
    const embedded = embedResidual(parameters, settings, residualInput(graph, 1, side, side, residualDims));
    return { loss: reduceMean(adclick(graph, parameters, settings, embedded, clickInputs(graph, 1, side, side))) };
  });
  const runtime = await Runtime.start();
  const trainer = await Trainer.create({ programs: { step: program }, runtime });
  await saveClickWeights(path, await trainer.weights(), {
    name: 'untrained',
    preset: 'small',
    residualDims,
    trainedOn: 'nothing',
    steps: 0,
    seed: 0,
  });
  await trainer.close();
  await runtime.close();
  return { weights: path, shipped: false };
}
