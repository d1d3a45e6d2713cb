/** A project's database and its repositories. */
import { join } from 'node:path';
import { CACHE_FOLDER } from '../project.ts';
import { openDatabase } from './connection.ts';
import { ImageRepository } from './images.ts';
import { LabelRepository } from './labels.ts';
import type { Db } from './schema.ts';
import { StatisticsRepository } from './statistics.ts';
import { TypeRepository } from './types.ts';
import { UserRepository } from './users.ts';

/** Path of a project's database. */
export const databasePath = (root: string): string => join(root, CACHE_FOLDER, 'project.db');

export class Store {
  readonly images: ImageRepository;
  readonly labels: LabelRepository;
  readonly types: TypeRepository;
  readonly users: UserRepository;
  readonly statistics: StatisticsRepository;

  private constructor(private readonly db: Db) {
    this.images = new ImageRepository(db);
    this.labels = new LabelRepository(db);
    this.types = new TypeRepository(db);
    this.users = new UserRepository(db);
    this.statistics = new StatisticsRepository(db);
  }

  /** Opens a project's database, making it where there is none. @throws ADC_DATABASE. */
  static async open(root: string): Promise<Store> {
    return new Store(await openDatabase(databasePath(root)));
  }

  /** Finishes writes and closes the file. */
  async close(): Promise<void> {
    await this.db.destroy();
  }
}
