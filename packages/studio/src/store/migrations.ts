/** The database's versions, oldest first. A migration that has shipped is never changed; a new one is added behind it. */
import type { Kysely } from 'kysely';
import { tooNew } from './failures.ts';
import type { Tables } from './schema.ts';

interface Migration {
  readonly name: string;
  up(db: Kysely<unknown>): Promise<void>;
}

const MIGRATIONS: readonly Migration[] = [
  {
    name: '001-labels',
    async up(db) {
      const { schema } = db;
      await schema
        .createTable('images')
        .addColumn('id', 'integer', (c) => c.primaryKey())
        .addColumn('category', 'text', (c) => c.notNull())
        .addColumn('path', 'text', (c) => c.notNull().unique())
        .addColumn('width', 'integer', (c) => c.notNull())
        .addColumn('height', 'integer', (c) => c.notNull())
        .addColumn('bytes', 'bigint', (c) => c.notNull())
        .addColumn('modified', 'double precision', (c) => c.notNull())
        .addColumn('gone', 'integer', (c) => c.notNull())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('review', 'text', (c) => c.notNull())
        .addColumn('version', 'integer', (c) => c.notNull())
        .addColumn('score', 'double precision')
        .addColumn('uncertainty', 'double precision')
        .addColumn('embedding', 'text')
        .addColumn('diversity', 'integer')
        .addColumn('prepared', 'text')
        .execute();
      await schema
        .createTable('types')
        .addColumn('id', 'integer', (c) => c.primaryKey())
        .addColumn('name', 'text', (c) => c.notNull().unique())
        .addColumn('colour', 'text', (c) => c.notNull())
        .addColumn('archived', 'integer', (c) => c.notNull())
        .execute();
      await schema
        .createTable('events')
        .addColumn('image', 'integer', (c) => c.notNull().references('images.id'))
        .addColumn('version', 'integer', (c) => c.notNull())
        .addColumn('author', 'text', (c) => c.notNull())
        .addColumn('time', 'text', (c) => c.notNull())
        .addColumn('session', 'text')
        .addColumn('action', 'text', (c) => c.notNull())
        .addColumn('before', 'text', (c) => c.notNull())
        .addColumn('after', 'text', (c) => c.notNull())
        .addColumn('targets', 'text', (c) => c.notNull())
        .addColumn('duration', 'integer', (c) => c.notNull())
        .addPrimaryKeyConstraint('events_key', ['image', 'version'])
        .execute();
      await schema
        .createTable('results')
        .addColumn('image', 'integer', (c) => c.notNull())
        .addColumn('version', 'integer', (c) => c.notNull())
        .addColumn('flips', 'text', (c) => c.notNull())
        .addColumn('joined', 'integer', (c) => c.notNull())
        .addPrimaryKeyConstraint('results_key', ['image', 'version'])
        .addForeignKeyConstraint('results_event', ['image', 'version'], 'events', ['image', 'version'])
        .execute();
      await schema
        .createTable('snapshots')
        .addColumn('image', 'integer', (c) => c.primaryKey().references('images.id'))
        .addColumn('version', 'integer', (c) => c.notNull())
        .addColumn('completed', 'integer', (c) => c.notNull())
        .addColumn('content', 'text', (c) => c.notNull())
        .execute();
      await schema
        .createTable('layers')
        .addColumn('image', 'integer', (c) => c.notNull().references('images.id'))
        .addColumn('type', 'integer', (c) => c.notNull().references('types.id'))
        .addColumn('pixels', 'integer', (c) => c.notNull())
        .addColumn('regions', 'integer', (c) => c.notNull())
        .addPrimaryKeyConstraint('layers_key', ['image', 'type'])
        .execute();
      await schema
        .createTable('users')
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('hash', 'text', (c) => c.notNull())
        .addColumn('created', 'text', (c) => c.notNull())
        .execute();
      await schema
        .createTable('sessions')
        .addColumn('hash', 'text', (c) => c.primaryKey())
        .addColumn('user', 'text', (c) => c.notNull().references('users.name'))
        .addColumn('expires', 'text', (c) => c.notNull())
        .execute();
    },
  },
  {
    name: '002-scale',
    async up(db) {
      await db.schema.alterTable('images').addColumn('scale', 'text').execute();
    },
  },
  {
    name: '003-content',
    async up(db) {
      await db.schema.alterTable('images').addColumn('content', 'text').execute();
      // What was labelled before has no hash; its file as it was seen last tells at least another size.
      const images = (db as Kysely<Pick<Tables, 'images'>>).selectFrom('images');
      for (const { id, bytes, modified } of await images
        .select(['id', 'bytes', 'modified'])
        .where('version', '>', 0)
        .execute()) {
        const content = JSON.stringify({ bytes: Number(bytes), modified: Number(modified), hash: null });
        await (db as Kysely<Pick<Tables, 'images'>>)
          .updateTable('images')
          .set({ content })
          .where('id', '=', id)
          .execute();
      }
    },
  },
  {
    name: '004-declared',
    async up(db) {
      await db.schema
        .createTable('declared')
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('type', 'integer', (c) => c.notNull().references('types.id'))
        .execute();
    },
  },
];

/**
 * Brings a database to the newest version, each migration in a transaction of its own. What is done already is read inside the
 * transaction: another process may be doing the same at this moment.
 * @throws ADC_DATABASE when the database was made by a newer ADClick.
 */
export async function migrate(db: Kysely<unknown>, path: string): Promise<void> {
  const log = db as Kysely<Log>;
  const done = await log.transaction().execute(async (transaction) => {
    await transaction.schema
      .createTable('migrations')
      .ifNotExists()
      .addColumn('name', 'text', (c) => c.primaryKey())
      .addColumn('time', 'text', (c) => c.notNull())
      .execute();
    return doneIn(transaction);
  });
  const known = new Set(MIGRATIONS.map(({ name }) => name));
  const strange = [...done].find((name) => !known.has(name));
  if (strange) throw tooNew(path, strange);
  for (const { name, up } of MIGRATIONS) {
    if (done.has(name)) continue;
    await log.transaction().execute(async (transaction) => {
      if ((await doneIn(transaction)).has(name)) return;
      await up(transaction as unknown as Kysely<unknown>);
      await transaction.insertInto('migrations').values({ name, time: new Date().toISOString() }).execute();
    });
  }
}

interface Log {
  migrations: { name: string; time: string };
}

async function doneIn(db: Kysely<Log>): Promise<Set<string>> {
  const rows = await db.selectFrom('migrations').select('name').execute();
  return new Set(rows.map(({ name }) => name));
}

/** When a database was made, ISO 8601; no two projects were begun in the same millisecond by the same people. */
export async function bornAt(db: Kysely<unknown>): Promise<string> {
  const { time } = await (db as Kysely<Log>)
    .selectFrom('migrations')
    .select('time')
    .where('name', '=', MIGRATIONS[0]?.name)
    .executeTakeFirstOrThrow();
  return time;
}
