/** Opening a project's database: the one file that knows that it is SQLite. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Kysely, type SqliteDatabase, SqliteDialect } from 'kysely';
import Database from 'libsql';
import { fail } from '../errors.ts';
import { migrate } from './migrations.ts';
import type { Db, Tables } from './schema.ts';

/** How long a write waits for another process to finish its own. */
const BUSY_MS = 10_000;

/**
 * Opens the database, makes it where there is none, and brings it to the newest version. A commit is on the disk when it returns
 * (write-ahead log, synchronous FULL).
 * @throws ADC_DATABASE when the file is no database, is damaged, or was made by a newer version.
 */
export async function openDatabase(path: string): Promise<Db> {
  let db: Db | undefined;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = new Database(path);
    file.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    file.exec('PRAGMA journal_mode = WAL');
    file.exec('PRAGMA synchronous = FULL');
    file.exec('PRAGMA foreign_keys = ON');
    const database = file as unknown as SqliteDatabase;
    db = new Kysely<Tables>({
      dialect: new SqliteDialect({
        database: {
          close: () => database.close(),
          // A transaction that reads before it writes would fail at once when another process writes between the two.
          prepare: (sql) => database.prepare(sql === 'begin' ? 'begin immediate' : sql),
        },
      }),
    });
    await migrate(db as unknown as Kysely<unknown>, path);
    return db;
  } catch (error) {
    await db?.destroy();
    if (error instanceof Error && 'exit' in error) throw error;
    throw fail('ADC_DATABASE', { path, what: (error as Error).message }, error);
  }
}

/** Whether SQLite finds every page of the file sound; the findings when not. For tests and `adclick doctor`. */
export function checkDatabase(path: string): string[] {
  const file = new Database(path);
  try {
    const rows = file.prepare('PRAGMA integrity_check').all() as { integrity_check: string }[];
    return rows.map((row) => row.integrity_check).filter((line) => line !== 'ok');
  } finally {
    file.close();
  }
}
