/** Evaluating detectors, and rivals beside them, on a category with known masks. */
import {
  DEFAULT_WEIGHTS,
  Detector,
  type DetectorOptions,
  type ImageScore,
  Labeler,
  type ReferenceIndex,
  type RgbImage,
} from '@adclick/core';
import type { DefectSplit } from '@adclick/core/datasets';
import {
  type DetectionAnswer,
  type DetectionEvaluation,
  type DetectionProtocol,
  detectionItems,
  detectorMaps,
  evaluateDetection,
  figuresOf,
  labelByClicks,
  MapWriter,
  mapFigures,
  renderDetectionReport,
  type Verdict,
} from '@adclick/core/evaluation';
import { writeFileAtomic } from '@adclick/core/files';
import { objectName, offlinePrompts } from '@adclick/core/language';
import type { BackboneName } from '@adclick/core/models';
import { type DetectorTraining, trainDetector } from '@adclick/core/training';
import { Runtime } from '@adclick/ortgrad';
import { counted } from '../api.ts';
import { detectorSettings } from '../detectors/training.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { resolveWeights } from '../project/model-files.ts';
import { gridOf } from '../project/project.ts';
import { indexInMemory } from './click-evaluation.ts';
import { detectionRival, rivalBackbone } from './detection-rivals.ts';
import { LEFT_OUT, type TestRequest, testPictures } from './test-pictures.ts';

/** What is to be evaluated. */
export interface DetectionEvaluationRequest extends TestRequest {
  /** A detector file; without one a detector is made. */
  readonly weights?: string;
  /** Another method in place of a detector: see {@link detectionRival}. */
  readonly rival?: string;
  /** With a rival: weight of a code of places on top of its descriptors (SemiREST); default 0. */
  readonly place?: number;
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

/** What is evaluated. */
interface Subject {
  readonly name: string;
  readonly from: DetectionAnswer['from'];
  readonly detect: (image: RgbImage) => Promise<Verdict>;
  /** Of the maps, where there is one. */
  readonly threshold?: number;
  /** Set where it is the residual alone already, with nothing learnt from labels. */
  readonly isPlain: boolean;
  readonly count: number;
  readonly picks: DetectionAnswer['labels']['picks'];
  readonly notes: readonly string[];
}

const ofDetector = (detector: Detector, isPlain = false): Omit<Subject, 'count' | 'picks' | 'notes'> => ({
  name: detector.card.name,
  from: detector.card.map.from,
  detect: (image) => detector.detect(image),
  threshold: detector.card.thresholds.map,
  isPlain,
});

/** What was asked for: a rival, a detector's file, a detector trained on labels, or the residual alone. */
async function makeSubject(
  request: DetectionEvaluationRequest,
  split: DefectSplit,
  index: ReferenceIndex,
  options: DetectorOptions,
  runtime: Runtime,
  work: WorkOptions,
): Promise<Subject> {
  const { category, weights, rival, labels = LEFT_OUT, labelClicks = 5, seed = 0 } = request;
  if (rival !== undefined) {
    const { name, method } = await detectionRival(rival, {
      index,
      place: request.place,
      sigma: request.sigma,
      seed,
      ...work,
    });
    const detect = (image: RgbImage) => method.detect(image);
    const notes = [`${counted(method.size, 'descriptor')} in the bank.`];
    return { name, from: 'rival', detect, isPlain: false, count: 0, picks: 'none', notes };
  }
  if (weights !== undefined) {
    const detector = await Detector.load(weights, { runtime });
    return { ...ofDetector(detector), count: 0, picks: 'none', notes: [] };
  }
  if (labels === 0) {
    const detector = await Detector.build(index, { ...options, name: category });
    return { ...ofDetector(detector, true), count: 0, picks: 'none', notes: [] };
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
  return { ...ofDetector(detector), count: split.train.length, picks: split.picks, notes };
}

/** The command that evaluates the same again. */
function commandOf({ data, category, weights, rival, place }: DetectionEvaluationRequest, labels: number): string {
  const command = `adclick evaluate detection --data ${data} --category ${category}`;
  if (rival !== undefined) return `${command} --rival ${rival}${place ? ` --place ${place}` : ''}`;
  return weights ? `${command} --weights ${weights}` : `${command} --labels ${labels}`;
}

/** The residual alone on the same pictures. */
async function plainly(
  index: ReferenceIndex,
  options: DetectorOptions,
  show: (detect: Subject['detect'], what: string, more: DetectionProtocol) => Promise<DetectionEvaluation>,
): Promise<DetectionEvaluation> {
  const detector = await Detector.build(index, options);
  return show((image) => detector.detect(image), 'comparing', { examples: 0 });
}

/**
 * Indexes the category's good pictures in memory, makes or loads a detector or a rival, and shows it every test picture; the residual alone
 * sees the same ones. Writes the report and the maps where asked.
 * @throws ADC_DATASET, ADC_NO_NORMALS, ADC_NO_REGION, ADC_DETECTOR_..., what pictures and training throw, ADC_MAPS_EXIST, ADC_DISK.
 */
export async function evaluateDetector(
  request: DetectionEvaluationRequest,
  work: WorkOptions = {},
): Promise<DetectionAnswer> {
  const { pixels = 512, sigma, imageScore, normals, report } = request;
  const labels = request.weights === undefined && request.rival === undefined ? (request.labels ?? LEFT_OUT) : 0;
  const { onProgress, signal } = work;
  const leaveOut = labels > 0 ? labels : request.leaveOut;
  const { dataset, split, shown, total } = await testPictures({ ...request, leaveOut });
  const { category } = dataset;
  const writer = request.maps === undefined ? undefined : await MapWriter.open(request.maps, category);
  let runtime: Runtime | undefined;
  try {
    runtime = await Runtime.start();
    const backbone = request.rival === undefined ? request.backbone : rivalBackbone(request.rival);
    const index = await indexInMemory(dataset, category, { ...gridOf({ pixels }), backbone }, runtime, work);
    const map = { ...(sigma !== undefined && { sigma }), ...(imageScore && { score: imageScore }) };
    const options: DetectorOptions = {
      map,
      normals,
      signal,
      onProgress: (progress) => onProgress?.({ label: `setting thresholds of ${category}`, ...progress }),
    };
    const subject = await makeSubject({ ...request, category }, split, index, options, runtime, work);
    const show = (detect: Subject['detect'], what: string, more: DetectionProtocol) =>
      evaluateDetection(detectionItems(shown, index.windows), detect, {
        what: category,
        onImage: (_, done) => onProgress?.({ label: `${what} ${category}`, done, total }),
        signal,
        ...more,
      });
    const evaluation = await show(subject.detect, 'detecting', {
      ...(report === undefined && { examples: 0 }),
      onVerdict: async (item, verdict) => writer?.write(item, verdict),
    });
    await writer?.finish(subject.threshold);
    // A residual whose thresholds know of labels decides otherwise than the residual alone.
    const unsupervised = subject.isPlain ? evaluation : await plainly(index, options, show);
    const answer: DetectionAnswer = {
      ...mapFigures(category, evaluation),
      detector: subject.name,
      from: subject.from,
      labels: { count: subject.count, picks: subject.picks },
      msPerImage: evaluation.msPerImage,
      unsupervised: {
        ...figuresOf(unsupervised),
        ...(unsupervised.decisions && { decisions: unsupervised.decisions }),
      },
      pictures: evaluation.images,
      notes: [...dataset.notes, ...subject.notes],
    };
    if (report) {
      const page = await renderDetectionReport(
        evaluation,
        detectorMaps(answer, subject.threshold),
        commandOf(request, labels),
      );
      await writeFileAtomic(report, new TextEncoder().encode(page));
    }
    return answer;
  } finally {
    await writer?.abandon();
    await runtime?.close();
  }
}
