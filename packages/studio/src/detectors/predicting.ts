/** Detecting defects in files and folders: one line a picture, maps and overlays where they are wanted. */
import { stat } from 'node:fs/promises';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { type Detection, Detector, DriftWatch, type RgbImage, readImage } from '@adclick/core';
import { isFolder, isInside, writeFileAtomic } from '@adclick/core/files';
import { drawHeat, encodeJpeg, pictureNotes } from '@adclick/core/image';
import { keptPromise, Runtime } from '@adclick/ortgrad';
import { driftText, roundScore, type WrittenRegion, writeProbability, writtenRegions } from '../engine/written.ts';
import { fail, toCoded } from '../errors.ts';
import { collisionKey } from '../file-name.ts';
import type { NotedOptions, WorkOptions } from '../jobs/progress.ts';
import { categoriesOf, categoryOf } from '../project/categories.ts';
import { Finder, type PassedOver, passedOverText } from '../project/finding.ts';
import { openProject, type Project } from '../project/project.ts';
import { openDetector } from './choice.ts';
import { watchPictures } from './watching.ts';

/** What is to be looked at, and where results go. */
export interface PredictRequest {
  /** Files and folders. */
  readonly paths: readonly string[];
  /** Folder of the project; a detector file needs none. */
  readonly project?: string;
  readonly category?: string;
  /** A detector file or the name of a project's model; default: the category's. */
  readonly detector?: string;
  /** Folder for maps (16-bit PNG, 65535 is 1) and overlays; without one none are written. */
  readonly out?: string;
  /** Goes on with pictures that appear in the folders until the signal is aborted. */
  readonly watch?: boolean;
  /** Milliseconds between two looks while watching. */
  readonly interval?: number;
}

/** What was found in one picture, in pixels of the upright original. */
export interface PredictResult {
  readonly image: string;
  readonly category: string;
  readonly detector: string;
  readonly width: number;
  readonly height: number;
  readonly score: number;
  readonly isDefect: boolean;
  readonly regions: readonly WrittenRegion[];
  readonly map?: string;
  readonly overlay?: string;
  readonly ms: number;
  /** What somebody should know of the picture: pages that were not looked at, samples of another kind or beyond the window. */
  readonly notes?: readonly string[];
  /** That this and the pictures before it differ from the good ones that the detector knows, so that false alarms are to be expected. */
  readonly differs?: string;
}

/** A picture that could not be looked at. */
export interface PredictFailure {
  readonly image: string;
  readonly error: { readonly code: string; readonly message: string; readonly next: string };
}

export type PredictLine = PredictResult | PredictFailure;

/** How a run went. */
export interface PredictSummary {
  readonly pictures: number;
  readonly defective: number;
  readonly failed: number;
  /** What looks like a picture in the given folders and was not looked at. */
  readonly passedOver: readonly PassedOver[];
}

/** A picture to be looked at, and the path that was given for it. */
interface Wanted {
  readonly path: string;
  readonly below: string;
}

/** Pictures that paths stand for, in their order. @throws ADC_IMAGE_MISSING for a path that is not there. */
export async function expand(
  paths: readonly string[],
): Promise<{ pictures: Wanted[]; passedOver: readonly PassedOver[] }> {
  // One that is empty gets an answer of its own, as every picture that cannot be read.
  const finder = new Finder({ empty: true });
  const pictures: Wanted[] = [];
  for (const given of paths) {
    if (await isFolder(given))
      for (const { path } of await finder.find(given, { deep: true })) pictures.push({ path, below: given });
    else {
      const info = await stat(given).catch((cause) => {
        throw fail('ADC_IMAGE_MISSING', { path: given }, cause);
      });
      if (!info.isFile()) throw fail('ADC_IMAGE_MISSING', { path: given });
      pictures.push({ path: given, below: dirname(given) });
    }
  }
  return { pictures, passedOver: finder.passedOver };
}

/** Names below `--out`: the picture's, in the folders it has below the path that was given. */
class Outputs {
  private readonly taken = new Map<string, string>();

  constructor(private readonly folder: string) {}

  /** A name that no other picture of this run has. */
  private stem(path: string, below: string): string {
    const way = relative(below, path);
    const plain = way.slice(0, way.length - extname(way).length);
    for (let n = 1; ; n++) {
      // Two pictures whose names differ in their ending only get different files, and so do those that some disk takes for one.
      const stem = n === 1 ? plain : n === 2 ? `${plain}${extname(way).replace('.', '_')}` : `${plain}_${n}`;
      const key = collisionKey(stem);
      const owner = this.taken.get(key);
      if (owner !== undefined && owner !== resolve(path)) continue;
      this.taken.set(key, resolve(path));
      return stem;
    }
  }

  async write(path: string, below: string, image: RgbImage, { map }: Detection) {
    const stem = join(this.folder, this.stem(path, below));
    const files = { map: `${stem}_map.png`, overlay: `${stem}_overlay.jpg` };
    await writeProbability(files.map, map);
    await writeFileAtomic(files.overlay, await encodeJpeg(drawHeat(map, undefined, image, 0.5), 90));
    return files;
  }
}

/** Gives the detector of a picture, and the category that it is of: the project's, or one file for everything. */
function finder(
  { category: only, detector: given }: PredictRequest,
  project: Project | undefined,
  runtime: Runtime,
  options: WorkOptions,
): (path: string) => Promise<{ readonly category: string; readonly detector: Detector }> {
  const opened = new Map<string, Promise<Detector>>();
  return async (path) => {
    if (!project) {
      const detector = await keptPromise(opened, '', () => Detector.load(given as string, { runtime }));
      return { category: only ?? detector.card.name, detector };
    }
    const category = categoryOf(project, path, only);
    const open = async () => (await openDetector(project, category, runtime, { ...options, detector: given })).detector;
    return { category: category.name, detector: await keptPromise(opened, category.name, open) };
  };
}

/**
 * Looks at pictures one after another and tells what was found in each as soon as it is known. A picture that cannot be read is told
 * too and does not end the run.
 * @param tell called once a picture.
 * @throws what opening the project and its detectors throws, ADC_IMAGE_MISSING for a path that is not there, ADC_USAGE when a
 *   picture's category is not clear, ADC_DISK when results cannot be written.
 */
export async function predictPictures(
  request: PredictRequest,
  tell: (line: PredictLine) => void,
  options: NotedOptions = {},
): Promise<PredictSummary> {
  const { signal, onProgress, note } = options;
  if (request.project === undefined && !request.detector?.endsWith('.onnx'))
    throw fail('ADC_USAGE', { what: 'needs --project, or a file as --detector', command: 'adclick predict' });
  const project = request.project === undefined ? undefined : await openProject(request.project);
  const { pictures, passedOver } = await expand(request.paths);
  const passed = passedOverText(passedOver);
  const folders: string[] = [];
  for (const path of request.paths) if (await isFolder(path)) folders.push(path);
  if (request.watch && folders.length === 0)
    throw fail('ADC_USAGE', { what: '--watch needs a folder', command: 'adclick predict' });
  if (!request.watch && pictures.length === 0)
    throw fail('ADC_USAGE', {
      what: [`no pictures in ${request.paths.join(', ')}`, ...(passed ? [passed.replace(/\.$/, '')] : [])].join('; '),
      command: 'adclick predict',
    });
  if (project && request.category) categoriesOf(project, request.category);
  if (passed) note?.(passed);
  const outputs = request.out === undefined ? undefined : new Outputs(request.out);
  const runtime = await Runtime.start();
  const find = finder(request, project, runtime, options);
  const summary = { pictures: 0, defective: 0, failed: 0, passedOver };
  const watches = new Map<Detector, DriftWatch>();
  /** Detectors whose last picture differed: that is told once, until one does not. */
  const told = new Set<Detector>();
  const one = async (path: string, below: string) => {
    const { category, detector } = await find(path);
    const start = performance.now();
    let line: PredictLine;
    try {
      const image = await readImage(path);
      const detection = await detector.detect(image);
      const ms = Math.round(performance.now() - start);
      const { score, isDefect, regions } = detection;
      const watch = watches.get(detector) ?? new DriftWatch(detector.card);
      watches.set(detector, watch);
      const drift = watch.add(path, detection);
      const differs = drift && driftText(drift);
      const notes = pictureNotes(image, detector.card.windows);
      line = {
        image: path,
        category,
        detector: detector.card.name,
        width: image.width,
        height: image.height,
        score: roundScore(score),
        isDefect,
        regions: writtenRegions(regions),
        ...(await outputs?.write(path, below, detector.rgb(image), detection)),
        ms,
        ...(notes.length > 0 && { notes }),
        ...(differs !== undefined && { differs }),
      };
      if (differs !== undefined && !told.has(detector)) note?.(`${category}: ${differs}`);
      if (differs !== undefined) told.add(detector);
      else told.delete(detector);
      if (isDefect) summary.defective++;
    } catch (error) {
      const { code, message, next } = toCoded(error);
      if (!code.startsWith('ADC_IMAGE_')) throw error;
      line = { image: path, error: { code, message, next } };
      summary.failed++;
    }
    summary.pictures++;
    tell(line);
    if ('notes' in line) for (const text of line.notes ?? []) note?.(`${path} ${text}.`);
  };
  try {
    // Watching begins before the pictures that are there are looked at, so that none falls between.
    const appearing = request.watch
      ? watchPictures(folders, { signal: signal ?? new AbortController().signal, interval: request.interval })
      : undefined;
    const first = appearing?.next();
    for (const { path, below } of pictures) {
      signal?.throwIfAborted();
      await one(path, below);
      onProgress?.({ label: 'detecting', done: summary.pictures, total: pictures.length });
    }
    if (appearing && first) {
      note?.(`Watching ${folders.join(', ')}; Ctrl-C ends it.`);
      for (let next = await first; !next.done; next = await appearing.next()) {
        const path = next.value;
        const holds = folders.filter((folder) => isInside(folder, path));
        await one(path, holds.sort((a, b) => b.length - a.length)[0] ?? dirname(path));
      }
    }
    return summary;
  } finally {
    await runtime.close();
  }
}
