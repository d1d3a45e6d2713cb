/** Taking pictures of the line as good: the thresholds of a detector follow them, what it looks for stays. */
import { Detector, readImage } from '@adclick/core';
import { Runtime } from '@adclick/ortgrad';
import { counted } from '../api.ts';
import { fail } from '../errors.ts';
import type { OwnedOptions, WorkOptions } from '../jobs/progress.ts';
import { contentOf } from '../labels/content.ts';
import { passOver } from '../log.ts';
import { type Category, categoriesOf } from '../project/categories.ts';
import { keepTrained, recordOf, stampOf, trainedDetector } from '../project/detector-files.ts';
import { whileTrainingDetector } from '../project/leases.ts';
import { openProject, type Project } from '../project/project.ts';
import { keepTaken, takenBy } from '../project/taken-good.ts';
import { openDetector } from './choice.ts';
import { expand } from './predicting.ts';
import { type AdaptAnswer, type AdaptRequest, judgedText } from './training-options.ts';

/** The category that was named, or the only one. */
function categoryIn(project: Project, only: string | undefined): Category {
  const categories = categoriesOf(project, only);
  const [category] = categories;
  if (category && categories.length === 1) return category;
  throw fail('ADC_USAGE', {
    what: `needs --category, one of ${categories.map(({ name }) => name).join(', ')}`,
    command: 'adclick adapt',
  });
}

/** Lets a detector look at pictures and sets its thresholds anew. Nothing is written. */
async function follow(
  detector: Detector,
  paths: readonly string[],
  { onProgress, signal }: WorkOptions,
): Promise<Pick<AdaptAnswer, 'pictures' | 'before' | 'after'>> {
  const before = detector.card.thresholds;
  const images = async function* () {
    for (const path of paths) yield await readImage(path);
  };
  await detector.adapt(images(), {
    signal,
    onPicture: (done) => onProgress?.({ label: 'looking at good pictures', done, total: paths.length }),
  });
  signal?.throwIfAborted();
  return { pictures: paths.length, before, after: detector.card.thresholds };
}

/** What a record says of held-out pictures, which is of the thresholds that the detector has. */
const judgedNote = ({ card: { judged } }: Detector): string[] => (judged ? [judgedText(judged)] : []);

/** A detector file that belongs to no project. */
async function adaptFile(path: string, paths: readonly string[], runtime: Runtime, work: WorkOptions) {
  const detector = await Detector.load(path, { runtime });
  const followed = await follow(detector, paths, work);
  await detector.save(path);
  return { detector: path, again: 0, ...followed };
}

/** One of a category of a project, which knows what it has taken before. */
async function adaptCategory(
  project: Project,
  category: Category,
  { paths, chosen }: { readonly paths: readonly string[]; readonly chosen: string | undefined },
  runtime: Runtime,
  work: OwnedOptions,
): Promise<AdaptAnswer> {
  const { root } = project;
  const { name } = category;
  const { detector, path } = await openDetector(project, category, runtime, { ...work, detector: chosen });
  const taken = new Set(await takenBy(root, name, stampOf(detector.model)));
  const fresh: string[] = [];
  for (const picture of paths) {
    work.signal?.throwIfAborted();
    // What is wrong with one that cannot be read is said when it is looked at.
    const { hash } = (await contentOf(picture).catch(passOver('picture not read', { picture }))) ?? { hash: null };
    if (hash !== null && taken.has(hash)) continue;
    if (hash !== null) taken.add(hash);
    fresh.push(picture);
  }
  const judged = judgedNote(detector);
  const followed = await follow(detector, fresh, work);
  const answer = { detector: path, again: paths.length - fresh.length, ...followed };
  if (fresh.length === 0) return answer;
  await work.owned?.();
  await keepTaken(root, name, stampOf(detector.model), taken);
  if (path === trainedDetector(root, name)) {
    const known = await recordOf(root, name, path);
    const { labels = 0, notes = [], seconds = 0 } = known?.record ?? {};
    const others = notes.filter((note) => !judged.includes(note));
    const said = `${counted(fresh.length, 'picture')} of the line taken as good.`;
    const facts = { labels, seconds, notes: [...others, ...judgedNote(detector), said] };
    await keepTrained(root, name, detector, facts, work.owned);
  } else await detector.save(path);
  return answer;
}

/**
 * Takes pictures as good and writes the detector with the thresholds that follow; of a trained one the one before stays beside it.
 * @throws what opening the project and its detectors throws, ADC_IMAGE_… for a picture that cannot be read, after which nothing is
 *   written, ADC_USAGE without pictures or where the detector is not clear, ADC_IN_USE while another process trains the detector,
 *   ADC_LEASE_LOST when one has taken that over, ADC_DISK.
 */
export async function adaptDetector(request: AdaptRequest, work: WorkOptions = {}): Promise<AdaptAnswer> {
  const { project: directory, category: only, detector } = request;
  if (directory === undefined && !detector?.endsWith('.onnx'))
    throw fail('ADC_USAGE', { what: 'needs --project, or a file as --detector', command: 'adclick adapt' });
  const project = directory === undefined ? undefined : await openProject(directory);
  const paths = (await expand(request.paths)).pictures.map(({ path }) => path);
  if (paths.length === 0)
    throw fail('ADC_USAGE', { what: `no pictures in ${request.paths.join(', ')}`, command: 'adclick adapt' });
  const runtime = await Runtime.start();
  try {
    if (!project) return await adaptFile(detector as string, paths, runtime, work);
    const category = categoryIn(project, only);
    return await whileTrainingDetector(project.root, category.name, work, (hold) =>
      adaptCategory(project, category, { paths, chosen: detector }, runtime, { ...work, ...hold }),
    );
  } finally {
    await runtime.close();
  }
}
