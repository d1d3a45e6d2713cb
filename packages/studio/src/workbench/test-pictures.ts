/** Which pictures of a category detectors and maps are tested on: the same ones for all that leave out as many defects with the same seed. */
import {
  type Dataset,
  type DefectImage,
  type DefectSplit,
  openCategory,
  splitDefects,
  withDefects,
} from '@adclick/core/datasets';
import { spread } from '@adclick/core/evaluation';
import { fail } from '../errors.ts';

/** Defects that leave the test set where nothing else is said, whether they are trained on or not. */
export const LEFT_OUT = 10;

export interface TestRequest {
  /** Folder of the dataset. */
  readonly data: string;
  readonly category: string;
  /** Defects that leave the test set; default {@link LEFT_OUT}, so that all detectors of a category see the same pictures. */
  readonly leaveOut?: number;
  /** Of the shuffle that picks them; default 0. */
  readonly seed?: number;
  /** Only so many test pictures of each kind, spread evenly. */
  readonly limit?: number;
}

export interface TestPictures {
  readonly dataset: Dataset;
  readonly split: DefectSplit;
  readonly shown: { readonly testGood: readonly string[]; readonly defects: readonly DefectImage[] };
  readonly total: number;
}

/** Opens a category and picks what is tested on. @throws ADC_DATASET, ADC_NO_NORMALS. */
export async function testPictures(request: TestRequest): Promise<TestPictures> {
  const { data, category, leaveOut = LEFT_OUT, seed = 0, limit } = request;
  const dataset = withDefects(await openCategory(data, category), data);
  if (dataset.testGood.length === 0)
    throw fail('ADC_DATASET', {
      path: `${data}/${category}`,
      what: dataset.notes[0] ?? 'no good pictures to test on (test/good)',
    });
  const split = splitDefects(dataset.category, dataset.defects, { count: leaveOut, seed });
  const shown = { testGood: spread(dataset.testGood, limit), defects: spread(split.test, limit) };
  return { dataset, split, shown, total: shown.testGood.length + shown.defects.length };
}
