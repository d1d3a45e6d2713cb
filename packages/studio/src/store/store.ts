/** A project's database and its repositories. */
import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import { openDatabase } from './connection.ts';
import { databasePath } from './database-path.ts';
import { ImageRepository } from './images.ts';
import { LabelRepository } from './labels.ts';
import { bornAt } from './migrations.ts';
import type { Db } from './schema.ts';
import { StatisticsRepository } from './statistics.ts';
import { TypeRepository } from './types.ts';
import { UserRepository } from './users.ts';

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
