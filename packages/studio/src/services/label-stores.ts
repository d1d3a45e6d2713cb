/** Where a project's labels are kept: in its database once it has one; mask files speak for pictures that are not labelled there, the good ones. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type LabelStore, MaskFolderStore, type Picture } from '../exchange/label-store.ts';
import { openSource } from '../exchange/source.ts';
import type { LabelledImage, LeftOut } from '../exchange/types.ts';
import { openProject } from '../project.ts';
import { databasePath } from '../store/store.ts';
import { exportLabels, importLabels } from './exchange.ts';
import { type ExchangeWork, Studio, type StudioOptions } from './studio.ts';

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
    for await (const { path, category, width, height, state, layers } of this.studio.labelled()) {
      seen.add(path);
      yield { path, category, width, height, state: state as LabelledImage['state'], layers };
    }
    for await (const picture of this.files.pictures()) if (!seen.has(picture.path)) yield this.files.labelled(picture);
  }

  pictures(): AsyncIterable<Picture> {
    return this.files.pictures();
  }

  unmatched(): Promise<readonly LeftOut[]> {
    return this.files.unmatched();
  }

  async isDefective(path: string): Promise<boolean> {
    const known = await this.studio.store.images.findByPath(path);
    return known ? known.state === 'defect' : this.files.isDefective(path);
  }

  /** Good pictures that others are compared with are not labelled in the database: their files say what they are. */
  async put(image: LabelledImage): Promise<void> {
    const { path, layers, state } = image;
    if (await this.studio.store.images.findByPath(path))
      await this.studio.importLabels(path, layers, state, this.source, this.user);
    else await this.files.put(image);
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

const counted = (count: number, what: string) => (count > 0 ? `, ${count} ${what}` : '');

const exportJob: ExchangeWork = async (studio, { format, path, user }, options) => {
  const store = await storeOf(studio, user, format);
  const pictureOf = (image: LabelledImage) => join(studio.project.root, image.path);
  const { images, changed, leftOut } = await exportLabels(store, { format, target: path, pictureOf }, options);
  return `${images} images${counted(changed.length, 'of them with changed pixels')}${counted(leftOut.length, 'labels left out')}`;
};

const importJob: ExchangeWork = async (studio, { format, path, user }, options) => {
  const store = await storeOf(studio, user, format);
  const { images, leftOut } = await importLabels(store, { format, source: await openSource(path) }, options);
  return `${images} images${counted(leftOut.length, 'labels left out')}`;
};

/** Import and export as jobs of a server. */
export const EXCHANGE_JOBS: StudioOptions['exchange'] = { import: importJob, export: exportJob };
