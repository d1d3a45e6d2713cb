/** The demo's last part: the masks that clicks drew become the labels of a detector, which is then shown pictures that nothing has seen. */
import { basename, extname } from 'node:path';
import { type Detection, Detector, type Mask, type ReferenceIndex, readRgb } from '@adclick/core';
import { type DefectImage, readDefectMask } from '@adclick/core/datasets';
import {
  type DetectionEvaluation,
  type DetectionItem,
  type DetectionShot,
  evaluateDetection,
  renderDetectionSheet,
} from '@adclick/core/evaluation';
import { DETECTOR_TRAINING, type DetectorTrainingSettings, type LabelledDefect } from '@adclick/core/training';
import { makeDetector } from '../detectors/training.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import type { Category } from '../project/categories.ts';
import type { Project } from '../project/project.ts';

/** What `demo --json` says of the detector; figures are fractions of 1, over pictures that neither labels nor training saw. */
export interface DemoDetector {
  readonly path: string;
  /** 'residual' when the network was left aside. */
  readonly from: 'network' | 'residual';
  /** Average precision of its map, and of the residual's alone. */
  readonly ap: number;
  readonly residualAp: number;
  /** Image AUROC of both. */
  readonly iauroc: number;
  readonly residualIauroc: number;
  /** Pictures that the figures are over. */
  readonly good: number;
  readonly defects: number;
  readonly notes: readonly string[];
}

/** Far less than a project's own training takes: somebody waits for the demo. */
const TRAINING: DetectorTrainingSettings = {
  ...DETECTOR_TRAINING,
  counts: { goods: 20, simulated: 12, copies: 3 },
  heldOut: 8,
  loop: { ...DETECTOR_TRAINING.loop, steps: 60 },
};
const SEED = 0;
/** Good pictures in the report, those with the highest scores. */
const GOOD_SHOWN = 4;

/** What the demo has at hand when its masks are drawn. */
export interface DemoTraining {
  readonly project: Project;
  readonly category: Category;
  /** Open, of the category's good pictures. */
  readonly index: ReferenceIndex;
  readonly labels: readonly LabelledDefect[];
  /** Optimiser steps of each training. */
  readonly steps?: number;
  /** Pictures that are neither in the index nor labelled. */
  readonly unseen: { readonly good: readonly string[]; readonly defects: readonly DefectImage[] };
}

async function itemsOf({ good, defects }: DemoTraining['unseen']): Promise<DetectionItem[]> {
  const items: DetectionItem[] = [];
  for (const defect of defects) {
    const { path, name, type } = defect;
    const image = await readRgb(path);
    items.push({ name, type, image, mask: await readDefectMask(defect, image) });
  }
  for (const path of good) {
    const image = await readRgb(path);
    const { width, height } = image;
    const mask: Mask = { data: new Uint8Array(width * height), width, height, channels: 1 };
    items.push({ name: basename(path, extname(path)), type: 'good', image, mask });
  }
  return items;
}

/** What one detector says of every picture, in their order. */
async function look(
  detector: Detector,
  items: readonly DetectionItem[],
  label: string,
  { onProgress, signal }: WorkOptions,
): Promise<{ evaluation: DetectionEvaluation; detections: Detection[] }> {
  const detections: Detection[] = [];
  const detect = async (image: DetectionItem['image']) => {
    const detection = await detector.detect(image);
    detections.push(detection);
    return detection;
  };
  const evaluation = await evaluateDetection(items, detect, {
    examples: 0,
    onImage: (_, done) => onProgress?.({ label, done, total: items.length }),
    signal,
  });
  return { evaluation, detections };
}

/**
 * Trains a detector on the labels, puts it where `adclick predict` and the page find it, and shows it the unseen pictures, which the
 * residual alone sees too.
 * @returns the figures, and the report's section.
 * @throws ADC_LABELS for fewer than two labels with a defect, ADC_DISK, the signal's reason.
 */
export async function demoDetector(
  { project, category, index, labels, steps, unseen }: DemoTraining,
  work: WorkOptions,
): Promise<{ readonly detector: DemoDetector; readonly section: string }> {
  const training = { index, runtime: index.runtime, labels, seed: SEED, steps };
  const { detector, path, notes } = await makeDetector(project, category, training, work, TRAINING);
  const { from } = detector.card.map;
  const plain = from === 'residual' ? detector : await Detector.build(index, { signal: work.signal });
  const items = await itemsOf(unseen);
  const { evaluation, detections } = await look(detector, items, 'detecting', work);
  const residual = from === 'residual' ? evaluation : (await look(plain, items, 'comparing', work)).evaluation;

  const shots = items.map(({ name, type, image, mask }, i): DetectionShot & { readonly defective: boolean } => {
    const defective = type !== 'good';
    return {
      name: `${type} ${name}`,
      image,
      ...(defective && { truth: mask }),
      detection: detections[i],
      defective,
    };
  });
  const good = shots
    .filter(({ defective }) => !defective)
    .sort((a, b) => b.detection.score - a.detection.score)
    .slice(0, GOOD_SHOWN);
  const { width, height } = items[0].image;
  const trained = `trained on ${labels.length} masks`;
  const section = await renderDetectionSheet({
    title: 'And without clicks',
    description: `The masks from clicks, as sure or unsure as the network was of them, are labels now; the true ones stay unseen. A detector was trained on them for a short while. Here it sees ${unseen.defects.length} other defects and ${unseen.good.length} good parts, none of which anything has seen. Below are all defects, and the good parts with the highest scores.`,
    notes,
    thresholds: detector.card.thresholds,
    scale: (width * height) / (detector.card.input.width * detector.card.input.height),
    figures: [
      ...(from === 'network' ? [{ name: trained, of: evaluation }] : []),
      { name: 'residual alone', of: residual },
    ],
    defects: shots.filter(({ defective }) => defective),
    good,
  });
  const { ap, iauroc } = evaluation;
  const answer: DemoDetector = {
    path,
    from,
    ap,
    residualAp: residual.ap,
    iauroc,
    residualIauroc: residual.iauroc,
    good: unseen.good.length,
    defects: unseen.defects.length,
    notes,
  };
  return { detector: answer, section };
}
