/** Taking pictures of the line as good: the thresholds of a detector follow them, what it looks for stays. */
import { Detector, type DetectorThresholds, readImage } from '@adclick/core';
import { Runtime } from '@adclick/ortgrad';
import { fail } from '../errors.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { categoriesOf } from '../project/categories.ts';
import { keepTrained, recordOf, trainedDetector } from '../project/detector-files.ts';
import { openProject, type Project } from '../project/project.ts';
import { openDetector, type Placed } from './choice.ts';
import { expand } from './predicting.ts';

/** Which pictures are good, and whose detector follows them. */
export interface AdaptRequest {
  /** Files and folders of good pictures. */
  readonly paths: readonly string[];
  /** Folder of the project; a detector file needs none. */
  readonly project?: string;
  readonly category?: string;
  /** A detector file or the name of a project's model; default: the category's. */
  readonly detector?: string;
}

/** How a detector followed. */
export interface AdaptAnswer {
  /** The file, which was written anew. */
  readonly detector: string;
  readonly pictures: number;
  readonly before: DetectorThresholds;
  readonly after: DetectorThresholds;
}

/** The detector of the only category, or a file that needs no project. */
async function openFor(
  request: AdaptRequest,
  project: Project | undefined,
  runtime: Runtime,
  work: WorkOptions,
): Promise<Placed & { readonly category?: string }> {
  const { category: only, detector } = request;
  if (!project) {
    const path = detector as string;
    return { path, detector: await Detector.load(path, { runtime }) };
  }
  const categories = categoriesOf(project, only);
  const [category] = categories;
  if (!category || categories.length > 1)
    throw fail('ADC_USAGE', {
      what: `needs --category, one of ${categories.map(({ name }) => name).join(', ')}`,
      command: 'adclick adapt',
    });
  return { category: category.name, ...(await openDetector(project, category, runtime, { ...work, detector })) };
}

/**
 * Takes pictures as good and writes the detector with the thresholds that follow; of a trained one the one before stays beside it.
 * @throws what opening the project and its detectors throws, ADC_IMAGE_… for a picture that cannot be read, after which nothing is
 *   written, ADC_USAGE without pictures or where the detector is not clear, ADC_DISK.
 */
export async function adaptDetector(request: AdaptRequest, work: WorkOptions = {}): Promise<AdaptAnswer> {
  const { onProgress, signal } = work;
  if (request.project === undefined && !request.detector?.endsWith('.onnx'))
    throw fail('ADC_USAGE', { what: 'needs --project, or a file as --detector', command: 'adclick adapt' });
  const project = request.project === undefined ? undefined : await openProject(request.project);
  const { pictures } = await expand(request.paths);
  if (pictures.length === 0)
    throw fail('ADC_USAGE', { what: `no pictures in ${request.paths.join(', ')}`, command: 'adclick adapt' });
  const runtime = await Runtime.start();
  try {
    const { detector, path, category } = await openFor(request, project, runtime, work);
    const before = detector.card.thresholds;
    const images = async function* () {
      for (const picture of pictures) yield await readImage(picture.path);
    };
    await detector.adapt(images(), {
      signal,
      onPicture: (done) => onProgress?.({ label: 'looking at good pictures', done, total: pictures.length }),
    });
    if (project && category !== undefined && path === trainedDetector(project.root, category)) {
      const known = await recordOf(project.root, category, path);
      const { labels = 0, notes = [], seconds = 0 } = known?.record ?? {};
      const said = `${pictures.length} pictures of the line were taken as good.`;
      await keepTrained(project.root, category, detector, { labels, seconds, notes: [...notes, said] });
    } else await detector.save(path);
    return { detector: path, pictures: pictures.length, before, after: detector.card.thresholds };
  } finally {
    await runtime.close();
  }
}
