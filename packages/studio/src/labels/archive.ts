/** Where a project's labels are kept: in its database once it has one; mask files speak for pictures that are not labelled there, the good ones. */
import { existsSync } from 'node:fs';
import { fromStored, readImageSize } from '@adclick/core';
import { counted } from '../api.ts';
import { fail } from '../errors.ts';
import { type LabelStore, MaskFolderStore, type Picture } from '../exchange/label-store.ts';
import { openSource } from '../exchange/source.ts';
import { exportLabels, importLabels } from '../exchange/transfer.ts';
import type { LabelledImage, LeftOut, Replaced } from '../exchange/types.ts';
import { openProject } from '../project/project.ts';
import type { LostImage } from '../store/images.ts';
import { databasePath } from '../store/store.ts';
import { type ExchangeWork, Studio, type StudioOptions } from '../studio.ts';
import { hasContent, parseContent } from './content.ts';

/** The labels of an open project. */
class StudioStore implements LabelStore {
  constructor(
    private readonly studio: Studio,
    private readonly files: MaskFolderStore,
    /** Who stands in the history. */
    private readonly user: string,
    /** What an import came from, for the history. */
    private readonly source: string,
  ) {}

  async *images(): AsyncIterable<LabelledImage> {
    const seen = new Set<string>();
    const { root } = this.studio.project;
    for await (const { path, category, width, height, state, content, layers } of this.studio.labelled()) {
      seen.add(path);
      const labelled = parseContent(content);
      const changed = labelled !== undefined && !(await hasContent(fromStored(root, path), labelled));
      const maskFiles = state === 'todo' && layers.length === 0 && (await this.files.isDefective(path));
      yield { path, category, width, height, state: state as LabelledImage['state'], layers, changed, maskFiles };
    }
    for await (const picture of this.files.pictures())
      if (!seen.has(picture.path) && picture.unreadable === undefined) yield this.files.labelled(picture);
  }

  pictures(): AsyncIterable<Picture> {
    return this.files.pictures();
  }

  async unmatched(): Promise<readonly LeftOut[]> {
    const lost: LeftOut[] = [];
    for (const image of await this.studio.store.images.lost())
      lost.push({ path: image.path, reason: await this.whereabouts(image) });
    return [...(await this.files.unmatched()), ...lost];
  }

  /** What has become of the picture of a label, and how the label counts again. */
  private async whereabouts({ path, width, height, content }: LostImage): Promise<string> {
    const { root } = this.studio.project;
    const known = `its label is for ${width} x ${height} pixels; put the picture from before back, and it counts again`;
    if (existsSync(fromStored(root, path))) {
      const size = await readImageSize(fromStored(root, path)).catch(() => undefined);
      if (size === undefined)
        return `its picture cannot be read any more; put a sound copy there, and its label counts again`;
      if (size.width !== width || size.height !== height)
        return `its picture is ${size.width} x ${size.height} now, but ${known}`;
      return 'its folder is none of those that the project names any more; name it again, and its label counts again';
    }
    const labelled = parseContent(content);
    for (const other of labelled?.hash == null ? [] : this.files.paths())
      if (labelled && (await hasContent(fromStored(root, other), { ...labelled, modified: Number.NaN })))
        return `its picture is at ${other} now: put it back under the name from before, and its label counts again`;
    return 'its picture is gone: put it back, and its label counts again';
  }

  async isDefective(path: string): Promise<boolean> {
    const known = await this.studio.store.images.findByPath(path);
    if (!known) return this.files.isDefective(path);
    if (known.state === 'defect' || (await this.studio.labels.peek(known.id)).layers.size > 0) return true;
    // Until somebody has labelled it, its mask files are what is known.
    return known.state === 'todo' && this.files.isDefective(path);
  }

  /** Good pictures that others are compared with are not labelled in the database: their files say what they are. */
  async put(image: LabelledImage): Promise<Replaced | undefined> {
    const { path, layers, state, width, height, partial } = image;
    const known = await this.studio.store.images.findByPath(path);
    if (!known) return this.files.put(image);
    if (known.width !== width || known.height !== height) {
      const [got, want] = [`${width} x ${height}`, `${known.width} x ${known.height}`];
      throw fail('ADC_MASK_SIZE', { path, got, want: `labelled with ${want}` });
    }
    const replaced = await this.studio.importLabels(path, layers, state, this.source, this.user, partial);
    return replaced ? { path } : undefined;
  }
}

/** The labels of a project, and what frees them. */
export interface OpenLabels {
  readonly root: string;
  readonly store: LabelStore;
  close(): Promise<void>;
}

/** Opens the labels of a project on disk. @throws ADC_PROJECT_MISSING, ADC_PROJECT, ADC_FOLDER_MISSING, ADC_DATABASE. */
export async function openLabels(directory: string, user: string, source: string): Promise<OpenLabels> {
  const project = await openProject(directory);
  const { root } = project;
  const files = await MaskFolderStore.open(project);
  if (!existsSync(databasePath(root))) return { root, store: files, close: async () => undefined };
  const studio = await Studio.open(project, { background: false });
  return { root, store: new StudioStore(studio, files, user, source), close: () => studio.close() };
}

const storeOf = async (studio: Studio, user: string, source: string) =>
  new StudioStore(studio, await MaskFolderStore.open(studio.project), user, source);

/** What came of an import or export; not a word of success where something was left out. */
const outcome = (images: number, leftOut: readonly LeftOut[], more = '') => ({
  text: `${counted(images, 'image')}${more}${leftOut.length > 0 ? `; left out: ${firstOf(leftOut)}` : ''}`,
  leftOut: leftOut.length,
});

/** The first that was left out and its reason, and how many more there are. */
function firstOf(leftOut: readonly LeftOut[]): string {
  const [first] = leftOut as readonly [LeftOut];
  const more = leftOut.length > 1 ? `, and ${leftOut.length - 1} more` : '';
  return `${first.path}: ${first.reason}${more}`;
}

const exportJob: ExchangeWork = async (studio, { format, path, user }, options) => {
  const store = await storeOf(studio, user, format);
  const pictureOf = (image: LabelledImage) => fromStored(studio.project.root, image.path);
  const report = await exportLabels(store, { format, target: path, pictureOf }, options);
  const { images, changed, maskFiles, leftOut } = report;
  const differing = changed.length > 0 ? `, ${changed.length} of them with changed pixels` : '';
  const passedOver = maskFiles > 0 ? `; of ${counted(maskFiles, 'image')} without a label there are mask files` : '';
  return outcome(images, leftOut, `${differing}${passedOver}`);
};

const importJob: ExchangeWork = async (studio, { format, path, user }, options) => {
  const store = await storeOf(studio, user, format);
  const { images, leftOut } = await importLabels(store, { format, source: await openSource(path) }, options);
  return outcome(images, leftOut);
};

/** Import and export as jobs of a server. */
export const EXCHANGE_JOBS: StudioOptions['exchange'] = { import: importJob, export: exportJob };
