/** The labels of a project on disk, for those who have it not open: in its database once it has one, else in its mask files. */
import { existsSync } from 'node:fs';
import { type LabelStore, MaskFolderStore } from './exchange/label-store.ts';
import { DatabaseLabels } from './labels/archive.ts';
import { openProject } from './project/project.ts';
import { databasePath } from './store/database-path.ts';
import { Studio } from './studio.ts';

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
  return { root, store: new DatabaseLabels(studio.archive, files, user, source), close: () => studio.close() };
}
