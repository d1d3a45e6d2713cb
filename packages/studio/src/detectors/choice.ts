/** The detectors of a project: a trained one where there is one, else one that is made of the good pictures and kept. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Detector } from '@adclick/core';
import { type Runtime, removeIfPossible } from '@adclick/ortgrad';
import type { DetectorChoice } from '../api.ts';
import { openDetectorIndex } from '../engine/indexing.ts';
import { fail } from '../errors.ts';
import type { NotedOptions } from '../jobs/progress.ts';
import { passOver } from '../log.ts';
import type { Category } from '../project/categories.ts';
import { madeDetector, madeDetectors, previousDetector, trainedDetector } from '../project/detector-files.ts';
import { checkModelName, DETECTOR_FILE, DETECTOR_PREFIX, projectModels } from '../project/model-files.ts';
import type { Project } from '../project/project.ts';
import { VERSION } from '../version.ts';
import { adoptDetectors, adoptMade } from './old-detectors.ts';

/** Changes when detectors that are made of good pictures change their meaning. */
const MADE_FORMAT = 3;

/**
 * The file behind what a user gave as a detector: a path, or the name of one of the project's models.
 * @throws ADC_DETECTOR_MISSING.
 */
export function resolveDetector(detector: string, root: string): string {
  const candidates = detector.endsWith('.onnx')
    ? [resolve(detector), resolve(root, detector)]
    : [
        join(projectModels(root), detector, DETECTOR_FILE),
        // The name of a category's folder is not always the category's.
        ...(detector.startsWith(DETECTOR_PREFIX)
          ? [trainedDetector(root, detector.slice(DETECTOR_PREFIX.length))]
          : []),
      ];
  if (!detector.endsWith('.onnx')) checkModelName(detector, 'adclick predict');
  const found = candidates.find((path) => existsSync(path));
  if (!found) throw fail('ADC_DETECTOR_MISSING', { path: detector });
  return found;
}

/** A detector and the file that it lies in. */
export interface Placed {
  readonly detector: Detector;
  readonly path: string;
}

/** Brings the index up to date and makes a detector of it, unless the one that is kept fits it. */
async function openMade(project: Project, category: Category, runtime: Runtime, work: NotedOptions): Promise<Placed> {
  const { index, folder } = await openDetectorIndex(project, category, { ...work, runtime });
  const key = createHash('sha256')
    .update(JSON.stringify([MADE_FORMAT, VERSION, category.name]))
    .update(await readFile(join(folder, 'index.json')))
    .digest('hex')
    .slice(0, 16);
  const path = madeDetector(project.root, category.name, key);
  await adoptMade(dirname(path), category.name, key, path);
  if (existsSync(path)) {
    // One that cannot be read any more is made again.
    const kept = await Detector.load(path, { runtime }).catch(passOver('detector not read', { path }));
    if (kept) {
      await index.close();
      return { detector: kept, path };
    }
  }
  const detector = await Detector.build(index, {
    name: category.name,
    signal: work.signal,
    onProgress: (progress) => work.onProgress?.({ label: `setting thresholds of ${category.name}`, ...progress }),
  });
  await detector.save(path);
  for (const old of await madeDetectors(project.root, category.name)) if (old !== path) await removeIfPossible(old);
  return { detector, path };
}

/**
 * Opens the detector of a category: the one that was named, else the trained one, else one made of the good pictures.
 * @throws ADC_DETECTOR_MISSING, ADC_DETECTOR_DAMAGED, ADC_DETECTOR_KIND, and what indexing throws.
 */
export async function openDetector(
  project: Project,
  category: Category,
  runtime: Runtime,
  options: NotedOptions & { readonly detector?: string } = {},
): Promise<Placed> {
  const placed = async (path: string) => ({ path, detector: await Detector.load(path, { runtime }) });
  if (options.detector !== undefined) return placed(resolveDetector(options.detector, project.root));
  await adoptDetectors(project);
  const trained = trainedDetector(project.root, category.name);
  return existsSync(trained) ? placed(trained) : openMade(project, category, runtime, options);
}

/**
 * Opens one of a category's detectors, to compare it with another.
 * @throws ADC_NOT_FOUND when there is none of that choice, ADC_DETECTOR_DAMAGED, ADC_DETECTOR_KIND, and what indexing throws.
 */
export async function openChoice(
  project: Project,
  category: Category,
  runtime: Runtime,
  choice: DetectorChoice,
): Promise<Placed> {
  if (choice === 'residual') return openMade(project, category, runtime, {});
  await adoptDetectors(project);
  const path = (choice === 'newest' ? trainedDetector : previousDetector)(project.root, category.name);
  if (existsSync(path)) return { path, detector: await Detector.load(path, { runtime }) };
  const what = choice === 'newest' ? 'trained detector' : 'detector before the newest';
  throw fail('ADC_NOT_FOUND', { what: `${what} of ${category.name}` });
}
