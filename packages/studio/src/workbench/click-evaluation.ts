/** Evaluating click weights, and rivals beside them, on a category with known masks. */
import { type BuildOptions, DEFAULT_WEIGHTS, Labeler, ReferenceIndex } from '@adclick/core';
import { type Dataset, openCategory, withDefects } from '@adclick/core/datasets';
import {
  type ClickAnswer,
  type ClickMethod,
  clickAnswer,
  clickItems,
  evaluateClicks,
  labelerMethod,
  renderClickReport,
  spread,
} from '@adclick/core/evaluation';
import { writeFileAtomic } from '@adclick/core/files';
import { objectName } from '@adclick/core/language';
import type { BackboneName } from '@adclick/core/models';
import { Runtime } from '@adclick/ortgrad';
import type { WorkOptions } from '../jobs/progress.ts';
import { resolveWeights } from '../project/model-files.ts';
import { gridOf } from '../project/project.ts';
import { clickRival } from './click-rivals.ts';

/** What is to be evaluated. */
export interface EvaluationRequest {
  readonly data: string;
  readonly category: string;
  readonly clicks?: number;
  readonly nocClicks?: number;
  readonly weights?: string;
  /** Side of the square with as many pixels as the models see; default `auto`. */
  readonly pixels?: number | 'auto';
  /** Narrow side of the least defect that matters, in pixels of the pictures. */
  readonly smallest?: number;
  /**
   * Whose prompts guide the model: `type` those of each picture's own defect type, `none` nobody's, else those of the type
   * that is named, whatever the picture shows. Default `type`.
   */
  readonly prompt?: string;
  /** Whose descriptors are compared; default the default one's. */
  readonly backbone?: BackboneName;
  /** Another method in place of weights: see {@link clickRival}. */
  readonly rival?: string;
  /** Whether a rival that looks closer where the mask is does so, as it is evaluated; default true. */
  readonly zoom?: boolean;
  /** Whether a rival that also looks in the mirror does so, as it is evaluated; default true. */
  readonly flip?: boolean;
  /** HTML file to write. */
  readonly report?: string;
  /** Only so many defects, spread evenly over all. */
  readonly limit?: number;
}

/** What came out, and what somebody should know who compares it; sentences. */
export interface CategoryAnswer extends ClickAnswer {
  readonly notes: readonly string[];
}

/** The index of a dataset's good pictures, not kept on disk. */
export const indexInMemory = (
  { normals }: Dataset,
  category: string,
  seen: Pick<BuildOptions, 'pixels' | 'smallest' | 'backbone'>,
  runtime: Runtime,
  { onProgress, signal }: WorkOptions,
): Promise<ReferenceIndex> =>
  ReferenceIndex.build(
    normals.map((path) => ({ path })),
    {
      runtime,
      ...seen,
      onProgress: ({ done, total }) => onProgress?.({ label: `indexing ${category}`, done, total }),
      signal,
    },
  );

/** ADClick with the weights that were asked for. */
async function ownMethod(
  { pixels = 'auto', smallest, backbone, prompt = 'type', weights = DEFAULT_WEIGHTS }: EvaluationRequest,
  dataset: Dataset,
  runtime: Runtime,
  options: WorkOptions,
): Promise<ClickMethod> {
  const { category } = dataset;
  const path = resolveWeights(weights);
  const seen = { ...gridOf({ pixels, smallest }), backbone };
  const index = await indexInMemory(dataset, category, seen, runtime, options);
  const labeler = await Labeler.load({ index, weights: path, runtime, object: objectName(category) });
  return labelerMethod(labeler, prompt);
}

/** The command that evaluates the same again. */
function commandOf({ data, category, clicks = 5, rival, zoom = true, flip = true }: EvaluationRequest): string {
  const words = ['adclick evaluate clicks', `--data ${data}`, `--category ${category}`, `--clicks ${clicks}`];
  if (rival !== undefined) words.push(`--rival ${rival}`);
  if (!zoom) words.push('--no-zoom');
  if (!flip) words.push('--no-flip');
  return words.join(' ');
}

/**
 * Indexes the category's good pictures in memory or opens a rival, labels every defect by simulated clicks, and writes the report where asked.
 * @throws ADC_DATASET, ADC_NO_NORMALS, ADC_NO_REGION, ADC_RIVAL, what pictures and weights throw, ADC_DISK.
 */
export async function evaluateCategory(request: EvaluationRequest, options: WorkOptions = {}): Promise<CategoryAnswer> {
  const { data, clicks = 5, nocClicks, rival, report, limit } = request;
  const { onProgress, signal } = options;
  const dataset = withDefects(await openCategory(data, request.category), data);
  const { category } = dataset;
  const defects = spread(dataset.defects, limit);
  const runtime = await Runtime.start();
  try {
    const method =
      rival === undefined
        ? await ownMethod(request, dataset, runtime, options)
        : await clickRival(rival, { ...request, dataset, runtime, signal });
    const evaluation = await evaluateClicks(clickItems(defects, method), {
      clicks,
      nocClicks,
      threshold: method.threshold,
      offCentre: true,
      what: category,
      onImage: (_, done) => onProgress?.({ label: `labelling ${category}`, done, total: defects.length }),
      signal,
    });
    await method.close();
    const subject = { category, weights: method.name, trainedOn: method.trainedOn };
    if (report) {
      const page = await renderClickReport(evaluation, { ...subject, command: commandOf(request) });
      await writeFileAtomic(report, new TextEncoder().encode(page));
    }
    return { ...clickAnswer(evaluation, subject), notes: dataset.notes };
  } finally {
    await runtime.close();
  }
}
