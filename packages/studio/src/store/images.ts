/** Images of a project: what is on disk, what is known of each, and lists in the queue's orders. */
import { nameKey } from '@adclick/core/files';
import { type Expression, type ExpressionBuilder, type Selectable, type SqlBool, sql } from 'kysely';
import type { ImageQuery, ImageState, Review } from '../api.ts';
import type { Db, ImagesTable, Tables } from './schema.ts';

export interface ImageRecord
  extends Omit<Selectable<ImagesTable>, 'state' | 'review' | 'gone' | 'embedding' | 'content'> {
  readonly state: ImageState;
  readonly review: Review;
}

/** A picture file as it lies on disk now. */
export interface FoundImage {
  readonly category: string;
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  readonly modified: number;
}

/** A picture file as it was seen last. */
export interface KnownImage {
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  readonly modified: number;
  readonly version: number;
  readonly gone: boolean;
}

/** A labelled image whose picture is not where it was. */
export interface LostImage {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly content: string | null;
}

/** An image without a defect, and what picture it was when somebody said so. */
export interface GoodImage {
  readonly category: string;
  readonly path: string;
  readonly content: string | null;
}

/** What the model saw unasked. */
export interface PreparedScores {
  readonly score: number;
  readonly scale: 'residual' | 'detector';
  readonly uncertainty: number;
  readonly embedding: readonly number[];
  readonly prepared: string;
}

/** Columns of an {@link ImageRecord}. */
export const COLUMNS = [
  'id',
  'category',
  'path',
  'width',
  'height',
  'bytes',
  'modified',
  'state',
  'review',
  'version',
  'score',
  'scale',
  'uncertainty',
  'diversity',
  'prepared',
] as const;

/** Rows of one statement; databases limit the number of parameters. */
const BATCH = 60;

const batches = <T>(items: readonly T[], size = BATCH): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));

/** `%` and `_` of a search are letters, not wildcards. */
const escapeLike = (text: string) => text.replace(/[\\%_]/g, (letter) => `\\${letter}`);

/** Gives images whose file was found under another Unicode form of its name that path. @returns the paths that they had. */
async function respell(db: Db, found: readonly FoundImage[], gone: readonly string[]): Promise<Set<string>> {
  const kept = new Set<string>();
  const ambiguous = found.filter(({ path }) => /\P{ASCII}/u.test(path));
  if (ambiguous.length === 0) return kept;
  const rows = await db.selectFrom('images').select(['id', 'path', 'width', 'height', 'gone']).execute();
  const known = new Set(rows.map(({ path }) => path));
  const missing = new Set(gone);
  const lost = rows.filter((row) => row.gone !== 0 || missing.has(row.path));
  const byName = new Map(lost.map((row) => [nameKey(row.path), row]));
  for (const { path, width, height } of ambiguous) {
    const before = byName.get(nameKey(path));
    if (!before || known.has(path) || before.width !== width || before.height !== height) continue;
    await db.updateTable('images').set({ path }).where('id', '=', before.id).execute();
    byName.delete(nameKey(path));
    kept.add(before.path);
  }
  return kept;
}

export class ImageRepository {
  constructor(private readonly db: Db) {}

  /** Size and time of every file as last seen, by path. */
  async known(): Promise<Map<string, KnownImage>> {
    const columns = ['width', 'height', 'version', 'path', 'bytes', 'modified', 'gone'] as const;
    const rows = await this.db.selectFrom('images').select(columns).execute();
    return new Map(rows.map(({ path, gone, ...row }) => [path, { ...row, gone: gone !== 0 }]));
  }

  /**
   * Takes what was found on disk: new and changed files, and paths that are no longer there. A file whose name has another Unicode form
   * than before, as copying between systems gives it, stays the image that it was. One transaction.
   */
  async update(found: readonly FoundImage[], gone: readonly string[]): Promise<void> {
    await this.db.transaction().execute(async (transaction) => {
      const kept = await respell(transaction, found, gone);
      const { last } = await transaction
        .selectFrom('images')
        .select(({ fn }) => fn.max('id').as('last'))
        .executeTakeFirstOrThrow();
      let id = Number(last ?? 0);
      for (const batch of batches(found)) {
        const values = batch.map((image) => ({
          ...image,
          id: ++id,
          gone: 0,
          state: 'todo',
          review: 'none',
          version: 0,
        }));
        await transaction
          .insertInto('images')
          .values(values)
          .onConflict((conflict) =>
            conflict.column('path').doUpdateSet(({ ref }) => ({
              category: ref('excluded.category'),
              width: ref('excluded.width'),
              height: ref('excluded.height'),
              bytes: ref('excluded.bytes'),
              modified: ref('excluded.modified'),
              gone: 0,
              score: null,
              scale: null,
              uncertainty: null,
              embedding: null,
              diversity: null,
              prepared: null,
            })),
          )
          .execute();
      }
      for (const batch of batches(gone.filter((path) => !kept.has(path))))
        await transaction.updateTable('images').set({ gone: 1 }).where('path', 'in', batch).execute();
    });
  }

  async find(id: number): Promise<ImageRecord | undefined> {
    const row = await this.db.selectFrom('images').select(COLUMNS).where('id', '=', id).executeTakeFirst();
    return row as ImageRecord | undefined;
  }

  async findByPath(path: string): Promise<ImageRecord | undefined> {
    const row = await this.db.selectFrom('images').select(COLUMNS).where('path', '=', path).executeTakeFirst();
    return row as ImageRecord | undefined;
  }

  /** Images with a label whose picture is no longer there, by path. */
  async lost(): Promise<LostImage[]> {
    return this.db
      .selectFrom('images')
      .select(['path', 'width', 'height', 'content'])
      .where('gone', '=', 1)
      .where((where) =>
        where.or([
          where('state', '!=', 'todo'),
          where('id', 'in', this.db.selectFrom('layers').select('image').where('pixels', '>', 0)),
        ]),
      )
      .orderBy('path')
      .execute();
  }

  /** A page of the queue. Images that nothing is known of yet come behind the others, by name. */
  async list(query: ImageQuery): Promise<{ total: number; images: ImageRecord[] }> {
    const { order, offset, limit } = query;
    const matching = this.db.selectFrom('images').where((where) => where.and(this.conditions(where, query)));
    const { total } = await matching.select(({ fn }) => fn.countAll().as('total')).executeTakeFirstOrThrow();
    const column = { residual: 'score', uncertainty: 'uncertainty', diversity: 'diversity' } as const;
    let sorted = matching.select(COLUMNS);
    if (order !== 'name')
      sorted = sorted
        .orderBy(({ case: when }) => when().when(column[order], 'is', null).then(1).else(0).end())
        .orderBy(column[order], order === 'diversity' ? 'asc' : 'desc');
    const rows = await sorted.orderBy('path').offset(offset).limit(limit).execute();
    return { total: Number(total), images: rows as ImageRecord[] };
  }

  private conditions(where: ExpressionBuilder<Tables, 'images'>, query: Partial<ImageQuery>) {
    const all: Expression<SqlBool>[] = [where('gone', '=', 0)];
    if (query.category !== undefined) all.push(where('category', '=', query.category));
    if (query.state !== undefined) all.push(where('state', '=', query.state));
    if (query.review !== undefined) all.push(where('review', '=', query.review));
    if (query.search)
      for (const word of query.search.split(/\s+/).filter(Boolean))
        all.push(sql<boolean>`lower(${sql.ref('path')}) like ${`%${escapeLike(word.toLowerCase())}%`} escape '\\'`);
    if (query.type !== undefined)
      all.push(where('id', 'in', this.db.selectFrom('layers').select('image').where('type', '=', query.type)));
    return all;
  }

  /** How many images are in each state, and in each category. */
  async counts(): Promise<{ category: string; state: ImageState; images: number }[]> {
    const rows = await this.db
      .selectFrom('images')
      .select(({ fn }) => ['category', 'state', fn.countAll().as('images')])
      .where('gone', '=', 0)
      .groupBy(['category', 'state'])
      .execute();
    return rows.map(({ category, state, images }) => ({
      category,
      state: state as ImageState,
      images: Number(images),
    }));
  }

  /** Types that the masks of images hold. */
  async typesOf(ids: readonly number[]): Promise<Map<number, number[]>> {
    const types = new Map<number, number[]>();
    for (const batch of batches(ids, 400)) {
      const rows = await this.db
        .selectFrom('layers')
        .select(['image', 'type'])
        .where('image', 'in', batch)
        .orderBy('type')
        .execute();
      for (const { image, type } of rows) types.set(image, [...(types.get(image) ?? []), type]);
    }
    return types;
  }

  /** Images that the model has not looked at with these settings, those that nobody has labelled first. */
  async unprepared(category: string, limit: number): Promise<ImageRecord[]> {
    const rows = await this.db
      .selectFrom('images')
      .select(COLUMNS)
      .where('gone', '=', 0)
      .where('category', '=', category)
      .where('prepared', 'is', null)
      .orderBy(({ case: when }) => when().when('state', '=', 'todo').then(0).else(1).end())
      .orderBy('path')
      .limit(limit)
      .execute();
    return rows as ImageRecord[];
  }

  async unpreparedCount(category: string): Promise<{ total: number }> {
    const { total } = await this.db
      .selectFrom('images')
      .select(({ fn }) => fn.countAll().as('total'))
      .where('gone', '=', 0)
      .where('category', '=', category)
      .where('prepared', 'is', null)
      .executeTakeFirstOrThrow();
    return { total: Number(total) };
  }

  async setPreparation(id: number, { embedding, ...rest }: PreparedScores): Promise<void> {
    await this.db
      .updateTable('images')
      .set({ ...rest, embedding: JSON.stringify(embedding) })
      .where('id', '=', id)
      .execute();
  }

  /** Forgets what the model saw of a category's images, because index, weights or detector have changed. */
  async forgetPreparations(category: string, except: string): Promise<void> {
    await this.db
      .updateTable('images')
      .set({ prepared: null })
      .where('category', '=', category)
      .where(sql<boolean>`${sql.ref('prepared')} not like ${`${escapeLike(except)}%`} escape '\\'`)
      .execute();
  }

  /** How many images have a marked defect, by category. */
  async defects(): Promise<Map<string, number>> {
    const rows = await this.db
      .selectFrom('images')
      .select(({ fn }) => ['category', fn.countAll().as('images')])
      .where('gone', '=', 0)
      .where('state', '=', 'defect')
      .where('id', 'in', this.db.selectFrom('layers').select('image').where('pixels', '>', 0))
      .groupBy('category')
      .execute();
    return new Map(rows.map(({ category, images }) => [category, Number(images)]));
  }

  /** Images that somebody has marked as having no defect, by path. */
  async goods(): Promise<GoodImage[]> {
    return this.db
      .selectFrom('images')
      .select(['category', 'path', 'content'])
      .where('gone', '=', 0)
      .where('state', '=', 'good')
      .orderBy('path')
      .execute();
  }

  async embeddings(category: string): Promise<{ id: number; state: ImageState; embedding: number[] }[]> {
    const rows = await this.db
      .selectFrom('images')
      .select(['id', 'state', 'embedding'])
      .where('category', '=', category)
      .where('gone', '=', 0)
      .where('embedding', 'is not', null)
      .orderBy('path')
      .execute();
    return rows.map(({ id, state, embedding }) => ({
      id,
      state: state as ImageState,
      embedding: JSON.parse(embedding as string) as number[],
    }));
  }

  /** Stores places in the order of diversity. */
  async setDiversity(places: ReadonlyMap<number, number>): Promise<void> {
    await this.db.transaction().execute(async (transaction) => {
      for (const [id, diversity] of places)
        await transaction.updateTable('images').set({ diversity }).where('id', '=', id).execute();
    });
  }
}
