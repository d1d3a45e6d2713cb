/** The append-only history of every image: events, their results, and snapshots that can be made again from both. */
import { type Rle, rleArea } from '@adclick/core/geometry';
import { type ExpressionBuilder, sql } from 'kysely';
import { countRegions } from '../history/bitmaps.ts';
import type { FaceChange } from '../history/face.ts';
import {
  changesOf,
  type EventResult,
  type Flip,
  fold,
  freshState,
  type LabelEvent,
  type LabelState,
  type PastStep,
  REGION,
  type StoredAction,
} from '../history/history.ts';
import { COLUMNS, type ImageRecord } from './images.ts';
import type { Db, Tables } from './schema.ts';

/** What is stored is not what the write builds on: somebody else's event or result came first, and nothing was written. */
export class StaleVersion extends Error {}

/** How far an image's history goes. */
export interface Reached {
  /** Number of its last event. */
  readonly version: number;
  /** Number of the last event that has a result. */
  readonly completed: number;
}

/** An image as it is stored at one moment. */
export interface StoredImage extends Reached {
  readonly image: ImageRecord;
  /** Which file was labelled, as text; null when nobody has. */
  readonly content: string | null;
}

type Runs = [type: number, width: number, height: number, counts: readonly number[]];

const pack = (flips: readonly Flip[]): string =>
  JSON.stringify(flips.map(({ type, rle: { width, height, counts } }): Runs => [type, width, height, counts]));

const unpack = (text: string): Flip[] =>
  (JSON.parse(text) as Runs[]).map(([type, width, height, counts]) => ({ type, rle: { width, height, counts } }));

const parseChange = (text: string): FaceChange => JSON.parse(text) as FaceChange;

interface Snapshot extends Pick<LabelState, 'face' | 'done' | 'undone'> {
  readonly layers: string;
}

/** The result of the last event that has one, inside a query of images. */
const lastResult = ({ selectFrom }: ExpressionBuilder<Tables, 'images'>) =>
  selectFrom('results')
    .select(({ fn }) => fn.max('results.version').as('completed'))
    .whereRef('results.image', '=', 'images.id');

const resultOf = (db: Db, image: number, version: number) =>
  db.selectFrom('results').select('results.version').where('image', '=', image).where('version', '=', version);

/**
 * Whether a state is worth a snapshot: every one of a short history, of a longer one every eighth part of it or so. What was stored
 * after the last is folded at loading, and all snapshots together cost no more than the history.
 */
const worthKeeping = ({ version, completed }: Reached): boolean =>
  completed === version && version % 2 ** Math.max(0, Math.floor(Math.log2(version)) - 3) === 0;

/** A labelled image as exporters see it. */
export interface LabelledRow {
  readonly id: number;
  readonly category: string;
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly state: string;
  /** Which file was labelled, as text; null when nobody has. */
  readonly content: string | null;
  readonly layers: readonly { readonly type: string; readonly rle: Rle }[];
}

export class LabelRepository {
  constructor(private readonly db: Db) {}

  /** An image and how far its history goes, in one look; undefined where there is none. */
  async find(image: number): Promise<StoredImage | undefined> {
    const row = await this.db
      .selectFrom('images')
      .select(COLUMNS)
      .select('content')
      .select((from) => lastResult(from).as('completed'))
      .where('id', '=', image)
      .executeTakeFirst();
    if (!row) return undefined;
    const { content, completed, ...rest } = row;
    return { image: rest as ImageRecord, content, version: row.version, completed: completed ?? 0 };
  }

  /** How far an image's history goes. */
  async reached(image: number): Promise<Reached> {
    const row = await this.db
      .selectFrom('images')
      .select('version')
      .select((from) => lastResult(from).as('completed'))
      .where('id', '=', image)
      .executeTakeFirst();
    return { version: row?.version ?? 0, completed: row?.completed ?? 0 };
  }

  /** An image's state: its snapshot and what came after that. @param threshold of an image without history. */
  async load(image: number, threshold: number): Promise<LabelState> {
    const row = await this.db
      .selectFrom('images')
      .leftJoin('snapshots', 'snapshots.image', 'images.id')
      .select(['images.version', 'snapshots.version as at', 'snapshots.completed as had', 'snapshots.content'])
      .select((from) => lastResult(from).as('completed'))
      .where('images.id', '=', image)
      .executeTakeFirst();
    if (!row) return freshState(threshold);
    const { version, at, had, content } = row;
    const reached = { version, completed: row.completed ?? 0 };
    // One that does not fit the events and results is as good as none.
    if (content === null || at === null || at !== had || at > reached.completed)
      return this.advance(image, freshState(threshold), reached);
    const { layers, ...rest } = JSON.parse(content) as Snapshot;
    const masks = new Map(unpack(layers).map(({ type, rle }) => [type, rle]));
    const snapshot: LabelState = { ...rest, version: at, completed: at, waiting: [], layers: masks };
    return this.advance(image, snapshot, reached);
  }

  /** A state of earlier with what was stored since. */
  async advance(image: number, state: LabelState, { version, completed }: Reached): Promise<LabelState> {
    const events = version > state.version ? await this.events(image, state.version + 1, version) : [];
    const results =
      completed > state.completed
        ? await this.results(image, state.completed + 1, completed)
        : new Map<number, never>();
    return fold(state, events, results);
  }

  /** The state from events and results alone. */
  async refold(image: number, threshold: number): Promise<LabelState> {
    return this.advance(image, freshState(threshold), await this.reached(image));
  }

  /** Events of an image, oldest first. @param from first version. @param to last version. */
  async events(image: number, from = 1, to?: number): Promise<LabelEvent[]> {
    let query = this.db.selectFrom('events').selectAll().where('image', '=', image).where('version', '>=', from);
    if (to !== undefined) query = query.where('version', '<=', to);
    const rows = (await query.orderBy('version').execute()).map((row) => ({
      ...row,
      action: JSON.parse(row.action) as StoredAction,
      targets: JSON.parse(row.targets) as number[],
    }));
    const changes = new Map(rows.map(({ version, change }) => [version, parseChange(change)]));
    const earlier = rows.flatMap(({ targets }) => targets).filter((version) => !changes.has(version));
    for (const [version, change] of await this.changes(image, earlier)) changes.set(version, change);
    const own = (version: number) => changes.get(version) ?? {};
    return rows.map(({ image: _, change, ...row }) => ({
      ...row,
      changes: row.targets.length > 0 ? changesOf(row.action.kind, row.targets, own) : [parseChange(change)],
    }));
  }

  private async changes(image: number, versions: readonly number[]): Promise<Map<number, FaceChange>> {
    if (versions.length === 0) return new Map();
    const rows = await this.db
      .selectFrom('events')
      .select(['version', 'change'])
      .where('image', '=', image)
      .where('version', 'in', [...new Set(versions)])
      .execute();
    return new Map(rows.map(({ version, change }) => [version, parseChange(change)]));
  }

  /** Results of an image's events. @param from first version. @param to last version. */
  async results(image: number, from = 1, to?: number): Promise<Map<number, EventResult>> {
    let query = this.db
      .selectFrom('results')
      .select(['version', 'flips', 'joined'])
      .where('image', '=', image)
      .where('version', '>=', from);
    if (to !== undefined) query = query.where('version', '<=', to);
    const rows = await query.execute();
    return new Map(
      rows.map(({ version, flips, joined }) => [version, { version, flips: unpack(flips), joined: joined !== 0 }]),
    );
  }

  /** What some events did, for undo and redo; nothing to the bitmaps where they have no result. */
  async past(image: number, versions: readonly number[]): Promise<Map<number, PastStep>> {
    if (versions.length === 0) return new Map();
    const rows = await this.db
      .selectFrom('events')
      .leftJoin('results', (join) =>
        join.onRef('results.image', '=', 'events.image').onRef('results.version', '=', 'events.version'),
      )
      .select(['events.version', 'change', 'flips'])
      .where('events.image', '=', image)
      .where('events.version', 'in', versions)
      .execute();
    return new Map(
      rows.map(({ version, change, flips }) => [
        version,
        { change: parseChange(change), flips: flips === null ? [] : unpack(flips) },
      ]),
    );
  }

  /** Images of a category with events that have no result. */
  async waiting(category: string): Promise<number[]> {
    const rows = await this.db
      .selectFrom('images')
      .select('id')
      .where('category', '=', category)
      .where('gone', '=', 0)
      .where('version', '>', (from) => from.fn.coalesce(lastResult(from), sql.lit(0)))
      .orderBy('path')
      .execute();
    return rows.map(({ id }) => id);
  }

  /**
   * Stores an event, and results, in one transaction: on the disk when it returns.
   * @param results of events before it that have none yet, and its own where no model is needed; oldest first.
   * @param state the state after it. @param content which file is labelled, where that is to be stored.
   * @throws StaleVersion when the image has got another event meanwhile, or not all results that its own builds on.
   */
  async append(
    image: number,
    event: LabelEvent,
    results: readonly EventResult[],
    state: LabelState,
    content?: string,
  ): Promise<void> {
    const { version, author, time, session, action, changes, targets, duration } = event;
    const { state: label, review } = state.face;
    await this.db.transaction().execute(async (db) => {
      const { numUpdatedRows } = await db
        .updateTable('images')
        .set({ version, state: label, review, ...(content === undefined ? {} : { content }) })
        .where('id', '=', image)
        .where('version', '=', version - 1)
        .executeTakeFirst();
      if (Number(numUpdatedRows) !== 1) throw new StaleVersion();
      await db
        .insertInto('events')
        .values({
          ...{ image, version, author, time, session, duration },
          action: JSON.stringify(action),
          change: JSON.stringify(targets.length > 0 ? {} : (changes[0] ?? {})),
          targets: JSON.stringify(targets),
        })
        .execute();
      for (const result of results) await this.insertResult(db, image, result, state);
    });
  }

  /** Stores the result of the oldest event that has none. @param state the state after it. @throws StaleVersion as {@link append}. */
  async complete(image: number, result: EventResult, state: LabelState): Promise<void> {
    await this.db.transaction().execute((db) => this.insertResult(db, image, result, state));
  }

  /** What is stored decides whether a result comes next, not what somebody remembers. */
  private async insertResult(db: Db, image: number, { version, flips, joined }: EventResult, state: LabelState) {
    const next = db
      .selectFrom('events')
      .select(({ val }) => ['image', 'version', val(pack(flips)).as('flips'), val(joined ? 1 : 0).as('joined')])
      .where('image', '=', image)
      .where('version', '=', version)
      .where(({ not, exists, or, lit }) =>
        or([lit(version === 1), exists(resultOf(db, image, version - 1))]).and(
          not(exists(resultOf(db, image, version))),
        ),
      );
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('results')
      .columns(['image', 'version', 'flips', 'joined'])
      .expression(next)
      .executeTakeFirst();
    if (Number(numInsertedOrUpdatedRows) !== 1) throw new StaleVersion();
    for (const { type } of flips) if (type !== REGION) await this.measure(db, image, type, state.layers.get(type));
    if (worthKeeping(state)) await this.snapshot(db, image, state);
  }

  /** Keeps the size of a layer for filters and statistics. */
  private async measure(db: Db, image: number, type: number, rle: Rle | undefined): Promise<void> {
    if (!rle) {
      await db.deleteFrom('layers').where('image', '=', image).where('type', '=', type).execute();
      return;
    }
    const size = { pixels: rleArea(rle), regions: countRegions(rle) };
    await db
      .insertInto('layers')
      .values({ image, type, ...size })
      .onConflict((conflict) => conflict.columns(['image', 'type']).doUpdateSet(size))
      .execute();
  }

  private async snapshot(db: Db, image: number, state: LabelState): Promise<void> {
    const { version, completed, face, done, undone, layers } = state;
    const content = JSON.stringify({
      ...{ face, done, undone },
      layers: pack([...layers].map(([type, rle]) => ({ type, rle }))),
    } satisfies Snapshot);
    await db
      .insertInto('snapshots')
      .values({ image, version, completed, content })
      .onConflict((conflict) => conflict.column('image').doUpdateSet({ version, completed, content }))
      .execute();
  }

  /** Empties the cache of folded histories. */
  async forgetSnapshots(): Promise<void> {
    await this.db.deleteFrom('snapshots').execute();
  }

  /** Images with their layers for exporters, one at a time, by path. @param category only this one. */
  async *labelled(threshold: number, category?: string): AsyncGenerator<LabelledRow> {
    const types = new Map(
      (await this.db.selectFrom('types').select(['id', 'name']).execute()).map(({ id, name }) => [id, name]),
    );
    let query = this.db
      .selectFrom('images')
      .select(['id', 'category', 'path', 'width', 'height', 'state', 'content', 'version'])
      .where('gone', '=', 0)
      .orderBy('path');
    if (category !== undefined) query = query.where('category', '=', category);
    for (const { version, ...row } of await query.execute()) {
      const { layers } = version === 0 ? freshState(threshold) : await this.load(row.id, threshold);
      yield {
        ...row,
        layers: [...layers]
          .filter(([type]) => type !== REGION)
          .sort(([a], [b]) => a - b)
          .map(([type, rle]) => ({ type: types.get(type) ?? String(type), rle })),
      };
    }
  }
}
