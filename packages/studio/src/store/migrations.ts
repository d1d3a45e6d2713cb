/** The database's versions, oldest first. A migration that has shipped is never changed; a new one is added behind it. */
import { type Kysely, type Migration, Migrator, sql } from 'kysely';
import { changeBetween, type Face, firstChange } from '../history/face.ts';
import { tooNew } from './failures.ts';
import type { Tables } from './schema.ts';

/** The table that versions of before 0.2 look into as well: they refuse a database that has had a migration they do not know. */
const LOG = 'migrations';
const LOCK = 'migrations_lock';

const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '001-labels': {
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
  '002-scale': {
    async up(db) {
      await db.schema.alterTable('images').addColumn('scale', 'text').execute();
    },
  },
  '003-content': {
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
  '004-declared': {
    async up(db) {
      await db.schema
        .createTable('declared')
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('type', 'integer', (c) => c.notNull().references('types.id'))
        .execute();
    },
  },
  '005-changes': {
    async up(db) {
      await db.schema
        .alterTable('events')
        .addColumn('change', 'text', (c) => c.notNull().defaultTo('{}'))
        .execute();
      await storeChanges(db as Kysely<FacesInEvents>);
      for (const column of ['before', 'after']) await db.schema.alterTable('events').dropColumn(column).execute();
      // Those that two servers left behind say that masks are missing which are there; others wait for masks.
      await (db as Kysely<Pick<Tables, 'snapshots' | 'results' | 'images'>>)
        .deleteFrom('snapshots')
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('images')
                .select('id')
                .whereRef('id', '=', 'snapshots.image')
                .whereRef('images.version', '=', 'snapshots.version')
                .whereRef('images.version', '=', 'snapshots.completed')
                .where(
                  ({ ref }) => ref('images.version'),
                  '=',
                  ({ selectFrom }) =>
                    selectFrom('results')
                      .select(({ fn }) => fn.max('results.version').as('last'))
                      .whereRef('results.image', '=', 'images.id'),
                ),
            ),
          ),
        )
        .execute();
    },
  },
};

/** Events of before 0.2: the small part of the state whole, before and after each. */
interface FacesInEvents {
  events: Tables['events'] & { before: string; after: string };
}

/** Events that are read at once; each held all clicks of its region, twice. */
const AT_ONCE = 100;

async function storeChanges(db: Kysely<FacesInEvents>): Promise<void> {
  const images = await db.selectFrom('events').select('image').distinct().execute();
  for (const { image } of images)
    for (let last = 0; ; ) {
      const events = await db
        .selectFrom('events')
        .select(['version', 'before', 'after', 'targets'])
        .where('image', '=', image)
        .where('version', '>', last)
        .orderBy('version')
        .limit(AT_ONCE)
        .execute();
      for (const { version, before, after, targets } of events) {
        last = version;
        // Undo and redo say their versions.
        if (targets !== '[]') continue;
        const change = (version === 1 ? firstChange : changeBetween)(
          JSON.parse(before) as Face,
          JSON.parse(after) as Face,
        );
        await db
          .updateTable('events')
          .set({ change: JSON.stringify(change) })
          .where('image', '=', image)
          .where('version', '=', version)
          .execute();
      }
      if (events.length < AT_ONCE) break;
    }
}

interface Log {
  migrations: { name: string; timestamp: string };
}

/** Columns of the table of versions; none before it was made. */
async function logColumns(db: Kysely<unknown>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from pragma_table_info(${LOG})`.execute(db);
  return rows.map(({ name }) => name);
}

/** Names of the migrations that a database has had. */
async function doneIn(db: Kysely<unknown>): Promise<string[]> {
  if ((await logColumns(db)).length === 0) return [];
  const rows = await (db as Kysely<Log>).selectFrom(LOG).select('name').execute();
  return rows.map(({ name }) => name);
}

/** Brings the notes of versions before 0.2 into the form of kysely's migrator. */
async function adoptLog(db: Kysely<unknown>): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    if (!(await logColumns(transaction)).includes('time')) return;
    await transaction.schema.alterTable(LOG).renameColumn('time', 'timestamp').execute();
  });
}

/**
 * Brings a database to the newest version, all in one transaction, in which is read what was done already: another process may be
 * doing the same at this moment.
 * @throws ADC_DATABASE when the database was made by a newer ADClick.
 */
export async function migrate(db: Kysely<unknown>, path: string): Promise<void> {
  const done = await doneIn(db);
  const strange = done.find((name) => !Object.hasOwn(MIGRATIONS, name));
  if (strange !== undefined) throw tooNew(path, strange);
  if (done.length === Object.keys(MIGRATIONS).length) return;
  await adoptLog(db);
  const { error } = await new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...MIGRATIONS }) },
    migrationTableName: LOG,
    migrationLockTableName: LOCK,
    // Their order is that of their names; a clock that was set back between two of them says nothing.
    allowUnorderedMigrations: true,
  }).migrateToLatest();
  if (error !== undefined) throw error;
}

/** When a database was made, ISO 8601; no two projects were begun in the same millisecond by the same people. */
export async function bornAt(db: Kysely<unknown>): Promise<string> {
  const { timestamp } = await (db as Kysely<Log>)
    .selectFrom(LOG)
    .select('timestamp')
    .where('name', '=', '001-labels')
    .executeTakeFirstOrThrow();
  return timestamp;
}
