/** Opening a project's database: the one file that knows that it is SQLite. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail as failCore } from '@adclick/core/errors';
import { describeIoError } from '@adclick/core/files';
import { CodedError } from '@adclick/ortgrad';
import { Kysely, SqliteAdapter, type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely';
import Database from 'libsql';
import { fail } from '../errors.ts';
import { BUSY_MS, damaged, storeError } from './failures.ts';
import { rememberFile } from './identity.ts';
import { migrate } from './migrations.ts';
import type { Db, Tables } from './schema.ts';

/** Milliseconds until a file that was busy is tried again. */
const AGAIN_MS = 50;

type File = SqliteDatabase & { readonly inTransaction: boolean; exec(sql: string): void };

/** Runs a call of SQLite; what it refuses is said in our words. */
function asked<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw storeError(error, path);
  }
}

function* each(path: string, rows: IterableIterator<unknown>): IterableIterator<unknown> {
  try {
    for (;;) {
      const { done, value } = asked(path, () => rows.next());
      if (done) return;
      yield value;
    }
  } finally {
    rows.return?.();
  }
}

const NOTHING = { changes: 0, lastInsertRowid: 0 };

/** A statement that does something else than its text says. */
const instead = (work: () => void): SqliteStatement => ({
  reader: false,
  run: () => {
    work();
    return NOTHING;
  },
  all: () => [],
  iterate: () => [][Symbol.iterator](),
});

/** Refuses where what is written goes to a file that nobody will find. */
type ExpectThere = () => void;

/**
 * The file as kysely wants it. Transactions begin, commit and roll back by `exec`: a prepared statement that met a busy file is never
 * reset by the binding, and every later commit would fail because of it.
 */
function guarded(file: File, path: string, expectThere: ExpectThere): SqliteDatabase {
  const rollBack = () => {
    try {
      // SQLite has rolled back by itself where it had to, as on a full disk.
      if (file.inTransaction) file.exec('rollback');
    } catch {
      // What made the transaction fail is what has to be told; the next one rolls back again.
    }
  };
  const begin = () => {
    rollBack();
    expectThere();
    // A transaction that reads before it writes would fail at once when another process writes between the two.
    asked(path, () => file.exec('begin immediate'));
  };
  const commit = () => {
    asked(path, () => file.exec('commit'));
    // Nothing is acknowledged that went into a folder which was deleted or moved meanwhile.
    expectThere();
  };
  /** A write on its own, as a transaction of one statement. */
  const alone = <T>(work: () => T): T => {
    begin();
    try {
      const result = work();
      commit();
      return result;
    } catch (error) {
      rollBack();
      throw error;
    }
  };
  const transactions = new Map([
    ['begin', begin],
    ['commit', commit],
    ['rollback', rollBack],
  ]);
  return {
    close: () => file.close(),
    prepare: (sql) => {
      const transaction = transactions.get(sql);
      if (transaction) return instead(transaction);
      const statement = asked(path, () => file.prepare(sql));
      const write = (parameters: readonly unknown[]) => asked(path, () => statement.run(parameters));
      return {
        reader: statement.reader,
        all: (parameters) => asked(path, () => statement.all(parameters)),
        run: (parameters) => (file.inTransaction ? write(parameters) : alone(() => write(parameters))),
        iterate: (parameters) => each(path, statement.iterate(parameters)),
      };
    },
  };
}

/** SQLite takes tables that a transaction made back with it, which kysely does not count on: migrations would run without one. */
class Adapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class Dialect extends SqliteDialect {
  override createAdapter(): Adapter {
    return new Adapter();
  }
}

/** Two processes that make the file at once get in each other's way for a moment, and SQLite does not wait by itself there. */
async function patiently<T>(call: () => T): Promise<T> {
  const end = Date.now() + BUSY_MS;
  for (;;) {
    try {
      return call();
    } catch (error) {
      if (!(error instanceof CodedError && error.code === 'ADC_DATABASE_BUSY') || Date.now() >= end) throw error;
    }
    await sleep(AGAIN_MS);
  }
}

/**
 * Opens the database, makes it where there is none, and brings it to the newest version. A commit is on the disk when it returns
 * (write-ahead log, synchronous FULL), and in the file that lies at the path then.
 * @throws ADC_DATABASE when the file is no database, is damaged, or was made by a newer version; ADC_DATABASE_BUSY while another
 *   process writes; ADC_DATABASE_GONE when the file was deleted, moved or replaced; ADC_DISK where the system refuses to write. The same, but for the first, may come of every later call.
 */
export async function openDatabase(path: string): Promise<Db> {
  await mkdir(dirname(path), { recursive: true }).catch((error) => {
    throw failCore('ADC_DISK', { path: dirname(path), what: describeIoError(error) }, error);
  });
  let db: Db | undefined;
  try {
    const file = asked(path, () => new Database(path));
    let isThere = () => true;
    const expectThere = () => {
      if (!isThere()) throw fail('ADC_DATABASE_GONE', { path });
    };
    db = new Kysely<Tables>({
      dialect: new Dialect({ database: guarded(file as unknown as File, path, expectThere) }),
    });
    const set = (pragma: string) => patiently(() => asked(path, () => file.exec(`PRAGMA ${pragma}`)));
    await set(`busy_timeout = ${BUSY_MS}`);
    await set('journal_mode = WAL');
    // SQLite has made the file by now.
    isThere = rememberFile(path);
    await set('synchronous = FULL');
    await set('foreign_keys = ON');
    await migrate(db as unknown as Kysely<unknown>, path);
    return db;
  } catch (error) {
    await db?.destroy();
    if (error instanceof CodedError) throw error;
    throw damaged(path, (error as Error).message, error);
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
