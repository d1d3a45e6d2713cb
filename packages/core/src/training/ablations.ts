/** The switches of the paper's ablations, Tables 7 and 8, as settings of trainings: ours and the published ones. */

import { PUBLISHED_CLICKS, PUBLISHED_MIXES, type PublishedClickRecipe, type PublishedSegRecipe } from './published.ts';
import type { DetectorTrainingSettings } from './train-detector.ts';

/** Labels of which no pixel is abandoned. */
const NONE_ABANDONED = [0, 0] as const;

/** The columns of Table 8 that ADClick-Seg's training has switches for. */
export interface SegSwitches {
  /** It begins with weights that other categories gave. */
  readonly pretrain: boolean;
  /** It is trained in the manner of interactive segmentation, with pseudo clicks. */
  readonly iis: boolean;
  readonly language: boolean;
  /** Unsure pixels of a label are abandoned (Eq. 9). */
  readonly abandon: boolean;
}

/** Our detector's training; its steps show no clicks, so `iis` is no switch of it (docs/method.md, ADClick-Seg). */
export const ablatedDetector = (
  settings: DetectorTrainingSettings,
  { pretrain, language, abandon }: Omit<SegSwitches, 'iis'>,
): DetectorTrainingSettings => ({
  ...settings,
  ...{ pretrained: pretrain, language },
  loop: abandon
    ? settings.loop
    : { ...settings.loop, pseudo: { ...settings.loop.pseudo, perturbation: NONE_ABANDONED } },
});

/** The published recipe; pretraining is in the weights that it begins with. */
export const ablatedSeg = (
  recipe: PublishedSegRecipe,
  { iis, abandon }: Pick<SegSwitches, 'iis' | 'abandon'>,
): PublishedSegRecipe => ({
  ...recipe,
  corrections: iis ? recipe.corrections : 0,
  pseudo: abandon ? recipe.pseudo : { ...recipe.pseudo, perturbation: NONE_ABANDONED },
});

/** Fine-tuning on the simulated defects of a category, the column of Table 7: the recipe for weights that other categories gave. */
export const FINE_TUNING: PublishedClickRecipe = { ...PUBLISHED_CLICKS, mix: PUBLISHED_MIXES.fineTuning };
