/** Evaluating detectors on a category with known masks. */
import {
  DEFAULT_WEIGHTS,
  Detector,
  type DetectorOptions,
  type ImageScore,
  Labeler,
  type ReferenceIndex,
} from '@adclick/core';
import type { DefectSplit } from '@adclick/core/datasets';
import {
  type DetectionAnswer,
  type DetectionProtocol,
  detectionItems,
  detectorMaps,
  evaluateDetection,
  figuresOf,
  labelByClicks,
  MapWriter,
  mapFigures,
  renderDetectionReport,
} from '@adclick/core/evaluation';
import { writeFileAtomic } from '@adclick/core/files';
import { objectName, offlinePrompts } from '@adclick/core/language';
import type { BackboneName } from '@adclick/core/models';
import { type DetectorTraining, trainDetector } from '@adclick/core/training';
import { Runtime } from '@adclick/ortgrad';
import { detectorSettings } from '../detectors/training.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { resolveWeights } from '../project/model-files.ts';
import { gridOf } from '../project/project.ts';
import { indexInMemory } from './click-evaluation.ts';
import { type TestRequest, testPictures } from './test-pictures.ts';

/** What is to be evaluated. */
export interface DetectionEvaluationRequest extends TestRequest {
  /** A detector file; without one a detector is made. */
  readonly weights?: string;
  /** Defects that are labelled to train on, without `weights`; default 10, 0 for the residual alone. */
  readonly labels?: number;
  /** Simulated clicks on each of them; default 5. */
  readonly labelClicks?: number;
  /** Side of the square with as many pixels as the models see; default 512. */
  readonly pixels?: number | 'auto';
  /** Whose descriptors are compared; default the default one's. */
  readonly backbone?: BackboneName;
  /** The trained network looks at overlapping windows. */
  readonly sliding?: boolean;
  /** Good pictures that a detector holds. */
  readonly normals?: number;
  readonly sigma?: number;
  readonly imageScore?: ImageScore;
  /** HTML file to write. */
  readonly report?: string;
  /** Folder for the maps that are measured, which `evaluate maps` reads; `<category>` in it must not be there, or be empty. */
  readonly maps?: string;
}

const LABELS = 10;

interface Made {
  readonly detector: Detector;
  readonly count: number;
  readonly picks: DetectionAnswer['labels']['picks'];
  readonly notes: readonly string[];
}

/** The detector that was asked for: a file, one trained on labels, or the residual alone. */
async function makeDetector(
  request: DetectionEvaluationRequest,
  split: DefectSplit,
  index: ReferenceIndex,
  options: DetectorOptions,
  runtime: Runtime,
  work: WorkOptions,
): Promise<Made> {
  const { category, weights, labels = LABELS, labelClicks = 5, seed = 0 } = request;
  if (weights !== undefined) {
    const detector = await Detector.load(weights, { runtime });
    return { detector, count: 0, picks: 'none', notes: [] };
  }
  if (labels === 0) {
    const detector = await Detector.build(index, { ...options, name: category });
    return { detector, count: 0, picks: 'none', notes: [] };
  }
  const object = objectName(category);
  const prompts = (type: string) => offlinePrompts(type, object);
  const labeler = await Labeler.load({ index, weights: resolveWeights(DEFAULT_WEIGHTS), runtime, prompts });
  const labelled = await labelByClicks(split.train, labeler, labelClicks, {
    onLabel: (done) => work.onProgress?.({ label: 'labelling', done, total: split.train.length }),
    signal: work.signal,
  }).finally(() => labeler.close());
  const training: DetectorTraining = {
    index,
    runtime,
    labels: labelled,
    prompts,
    normals: request.normals,
    seed,
    signal: work.signal,
    onProgress: (progress) => work.onProgress?.({ label: `training ${category}`, ...progress }),
  };
  const { network, notes } = await trainDetector(training, detectorSettings(request.sliding ?? false));
  const detector = await Detector.build(index, { ...options, name: category, network, labels: labelled });
  return { detector, count: split.train.length, picks: split.picks, notes };
}

/**
 * Indexes the category's good pictures in memory, makes or loads a detector, and shows it every test picture; the residual alone
 * sees the same ones. Writes the report and the maps where asked.
 * @throws ADC_DATASET, ADC_NO_NORMALS, ADC_NO_REGION, ADC_DETECTOR_..., what pictures and training throw, ADC_MAPS_EXIST, ADC_DISK.
 */
export async function evaluateDetector(
  request: DetectionEvaluationRequest,
  work: WorkOptions = {},
): Promise<DetectionAnswer> {
  const { data, pixels = 512, sigma, imageScore, normals, report } = request;
  const labels = request.weights === undefined ? (request.labels ?? LABELS) : 0;
  const { onProgress, signal } = work;
  const leaveOut = labels > 0 ? labels : request.leaveOut;
  const { dataset, split, shown, total } = await testPictures({ ...request, leaveOut });
  const { category } = dataset;
  const writer = request.maps === undefined ? undefined : await MapWriter.open(request.maps, category);
  let runtime: Runtime | undefined;
  try {
    runtime = await Runtime.start();
    const seen = { ...gridOf({ pixels }), backbone: request.backbone };
    const index = await indexInMemory(dataset, category, seen, runtime, work);
    const map = { ...(sigma !== undefined && { sigma }), ...(imageScore && { score: imageScore }) };
    const options: DetectorOptions = {
      map,
      normals,
      signal,
      onProgress: (progress) => onProgress?.({ label: `setting thresholds of ${category}`, ...progress }),
    };
    const { detector, notes, ...trained } = await makeDetector(
      { ...request, category },
      split,
      index,
      options,
      runtime,
      work,
    );
    const show = (of: Detector, what: string, more: DetectionProtocol) =>
      evaluateDetection(detectionItems(shown, index.windows), (image) => of.detect(image), {
        what: category,
        onImage: (_, done) => onProgress?.({ label: `${what} ${category}`, done, total }),
        signal,
        ...more,
      });
    const evaluation = await show(detector, 'detecting', {
      ...(report === undefined && { examples: 0 }),
      onVerdict: async (item, verdict) => writer?.write(item, verdict),
    });
    const threshold = detector.card.thresholds.map;
    await writer?.finish(threshold);
    // A residual whose thresholds know of labels decides otherwise than the residual alone.
    const isPlain = detector.card.map.from === 'residual' && trained.count === 0 && request.weights === undefined;
    const plain = isPlain ? detector : await Detector.build(index, options);
    const unsupervised = isPlain ? evaluation : await show(plain, 'comparing', { examples: 0 });
    const answer: DetectionAnswer = {
      ...mapFigures(category, evaluation),
      detector: detector.card.name,
      from: detector.card.map.from,
      labels: { count: trained.count, picks: trained.picks },
      msPerImage: evaluation.msPerImage,
      unsupervised: {
        ...figuresOf(unsupervised),
        ...(unsupervised.decisions && { decisions: unsupervised.decisions }),
      },
      pictures: evaluation.images,
      notes: [...dataset.notes, ...notes],
    };
    if (report) {
      const command = `adclick evaluate detection --data ${data} --category ${request.category}${request.weights ? ` --weights ${request.weights}` : ` --labels ${labels}`}`;
      const page = await renderDetectionReport(evaluation, detectorMaps(answer, threshold), command);
      await writeFileAtomic(report, new TextEncoder().encode(page));
    }
    return answer;
  } finally {
    await writer?.abandon();
    await runtime?.close();
  }
}
