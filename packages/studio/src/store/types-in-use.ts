/** Defect types of a project that nobody has open. What opens a database is loaded where there is one: commands without start sooner. */
import { existsSync } from 'node:fs';
import { databasePath } from './database-path.ts';

/**
 * Names of a project's defect types as they are called now, for those who have no store open.
 * @param declared those of adclick.yaml, which are all of them until somebody has labelled. @throws ADC_DATABASE, ADC_DATABASE_BUSY, ADC_DISK.
 */
export async function typesInUse(root: string, declared: readonly string[]): Promise<readonly string[]> {
  if (!existsSync(databasePath(root))) return declared;
  const { Store } = await import('./store.ts');
  const store = await Store.open(root);
  try {
    return await store.types.inUse(declared);
  } finally {
    await store.close();
  }
}
