/** Where a project's database lies, for those who open none. */
import { join } from 'node:path';
import { CACHE_FOLDER } from '../cache-folder.ts';

/** Path of a project's database. */
export const databasePath = (root: string): string => join(root, CACHE_FOLDER, 'project.db');
