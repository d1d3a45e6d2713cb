/** A category with known masks as the evaluations see it: pictures to label by clicks, pictures to test detectors on, labels to train them on. */
import type { LabelledDefect } from '../clicks/labelled-defect.ts';
import { readDefectMask } from '../datasets/defect-mask.ts';
import { pictureName } from '../datasets/files.ts';
import type { Dataset, DefectImage } from '../datasets/types.ts';
import { readRgb } from '../image/codec.ts';
import type { Windows } from '../image/samples.ts';
import type { Labeler } from '../inference/labeler.ts';
import { type ClickMethod, labelerMethod } from '../rivals/click-method.ts';
import type { DetectionItem } from './detection.ts';
import { annotate, type ClickItem } from './protocol.ts';

/**
 * Defects to be labelled, one at a time; a picture that is among the good ones is not compared with itself.
 * @throws what reading pictures and the method throw.
 */
export async function* clickItems(
  defects: readonly DefectImage[],
  method: ClickMethod,
): AsyncGenerator<ClickItem & DetectionItem> {
  for (const one of defects) {
    const { path, name, type } = one;
    const image = await readRgb(path, { windows: method.windows });
    const mask = await readDefectMask(one, image);
    const open = await method.open({ image, path, type });
    try {
      yield {
        ...{ name, type, image, mask },
        predict: (clicks) => open.predict(clicks),
        predictAsPaper: open.predictAsPaper && ((clicks) => open.predictAsPaper!(clicks)),
      };
    } finally {
      await open.close();
    }
  }
}

/**
 * Good pictures, then defective ones, with their masks.
 * @param windows those that reports show pictures through; detectors see them through their own. @throws what reading them throws.
 */
export async function* detectionItems(
  { testGood, defects }: Pick<Dataset, 'testGood' | 'defects'>,
  windows?: Windows,
): AsyncGenerator<DetectionItem> {
  for (const path of testGood) {
    const image = await readRgb(path, { windows });
    const { width, height } = image;
    const mask = { data: new Uint8Array(width * height), width, height, channels: 1 as const };
    yield { name: pictureName(path), type: 'good', image, mask };
  }
  for (const defect of defects) {
    const { path, name, type } = defect;
    const image = await readRgb(path, { windows });
    yield { name, type, image, mask: await readDefectMask(defect, image) };
  }
}

/**
 * Labels defects by simulated clicks, guided by their types' prompts: what ADClick draws is what training sees, never the true mask.
 * @param clicks on each of them. @throws what {@link clickItems} throws; the signal's reason.
 */
export async function labelByClicks(
  defects: readonly DefectImage[],
  labeler: Labeler,
  clicks: number,
  options: { readonly onLabel?: (done: number) => void; readonly signal?: AbortSignal } = {},
): Promise<LabelledDefect[]> {
  const labels: LabelledDefect[] = [];
  for await (const { name, type, image, mask, predict } of clickItems(defects, labelerMethod(labeler, 'type'))) {
    options.signal?.throwIfAborted();
    const { clicks: made, map: probability } = await annotate(mask, clicks, predict);
    labels.push({ name, type, image, probability, clicks: made });
    options.onLabel?.(labels.length);
  }
  return labels;
}
