/** Import and export as jobs that people watch. */
import { fromStored } from '@adclick/core/files';
import { counted, type Format } from '../api.ts';
import { MaskFolderStore } from '../exchange/label-store.ts';
import { ThreadReader } from '../exchange/thread-reader.ts';
import { exportLabels, importLabels } from '../exchange/transfer.ts';
import type { LabelledImage, LeftOut } from '../exchange/types.ts';
import type { JobWork } from '../jobs/jobs.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { whileImporting } from '../project/leases.ts';
import { DatabaseLabels, type LabelArchive } from './archive.ts';

/** Work of an import or export job. `path` is absolute and inside the project. @returns what came of it. */
export type ExchangeWork = (
  archive: LabelArchive,
  what: { readonly format: Format; readonly path: string; readonly user: string },
  options: Required<WorkOptions>,
) => ReturnType<JobWork>;

export interface ExchangeJobs {
  readonly import: ExchangeWork;
  readonly export: ExchangeWork;
}

const storeOf = async (archive: LabelArchive, user: string, source: string) =>
  new DatabaseLabels(archive, await MaskFolderStore.open(archive.project), user, source);

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

const exportJob: ExchangeWork = async (archive, { format, path, user }, options) => {
  const store = await storeOf(archive, user, format);
  const pictureOf = (image: LabelledImage) => fromStored(archive.project.root, image.path);
  const report = await exportLabels(store, { format, target: path, pictureOf }, options);
  const { images, changed, maskFiles, leftOut } = report;
  const differing = changed.length > 0 ? `, ${changed.length} of them with changed pixels` : '';
  const passedOver = maskFiles > 0 ? `; of ${counted(maskFiles, 'image')} without a label there are mask files` : '';
  return outcome(images, leftOut, `${differing}${passedOver}`);
};

const importJob: ExchangeWork = async (archive, { format, path, user }, options) => {
  // Whatever the files ask for, it keeps nobody waiting who labels.
  const source = new ThreadReader(path);
  try {
    const { images, leftOut } = await whileImporting(archive.project.root, options, async (hold) =>
      importLabels(await storeOf(archive, user, format), { format, source }, { ...options, ...hold }),
    );
    return outcome(images, leftOut);
  } finally {
    await source.close();
  }
};

/** Import and export as jobs. */
export const EXCHANGE_JOBS: ExchangeJobs = { import: importJob, export: exportJob };
