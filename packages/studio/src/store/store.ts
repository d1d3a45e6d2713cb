/** A project's database and its repositories. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { CACHE_FOLDER } from '../cache-folder.ts';
import { openDatabase } from './connection.ts';
import { ImageRepository } from './images.ts';
import { LabelRepository } from './labels.ts';
import { bornAt } from './migrations.ts';
import type { Db } from './schema.ts';
import { StatisticsRepository } from './statistics.ts';
import { TypeRepository } from './types.ts';
import { UserRepository } from './users.ts';

/** Path of a project's database. */
export const databasePath = (root: string): string => join(root, CACHE_FOLDER, 'project.db');

/**
 * Names of a project's defect types as they are called now, for those who have no store open.
 * @param declared those of adclick.yaml, which are all of them until somebody has labelled. @throws ADC_DATABASE, ADC_DATABASE_BUSY, ADC_DISK.
 */
export async function typesInUse(root: string, declared: readonly string[]): Promise<readonly string[]> {
  if (!existsSync(databasePath(root))) return declared;
  const store = await Store.open(root);
  try {
    return await store.types.inUse(declared);
  } finally {
    await store.close();
  }
}

export class Store {
  readonly images: ImageRepository;
  readonly labels: LabelRepository;
  readonly types: TypeRepository;
  readonly users: UserRepository;
  readonly statistics: StatisticsRepository;

  private constructor(
    private readonly db: Db,
    /** Stands for these labels, wherever they lie: browsers keep unsaved work for them and for no others. */
    readonly id: string,
  ) {
    this.images = new ImageRepository(db);
    this.labels = new LabelRepository(db);
    this.types = new TypeRepository(db);
    this.users = new UserRepository(db);
    this.statistics = new StatisticsRepository(db);
  }

  /** Opens a project's database, making it where there is none. @throws ADC_DATABASE. */
  static async open(root: string): Promise<Store> {
    const db = await openDatabase(databasePath(root));
    const born = await bornAt(db as unknown as Kysely<unknown>);
    return new Store(db, createHash('sha256').update(born).digest('hex').slice(0, 16));
  }

  /** Finishes writes and closes the file. */
  async close(): Promise<void> {
    await this.db.destroy();
  }
}
