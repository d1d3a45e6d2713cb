/** The append-only history of every image: events, their results, and snapshots that can be made again from both. */
import { type Rle, rleArea } from '@adclick/core';
import { countRegions } from '../history/bitmaps.ts';
import {
  type EventResult,
  type Face,
  type Flip,
  fold,
  type LabelEvent,
  type LabelState,
  REGION,
  type StoredAction,
} from '../history/history.ts';
import type { Db } from './schema.ts';

/** Somebody else's event took the version: the write did not happen. */
export class StaleVersion extends Error {}

type Runs = [type: number, width: number, height: number, counts: readonly number[]];

const pack = (flips: readonly Flip[]): string =>
  JSON.stringify(flips.map(({ type, rle: { width, height, counts } }): Runs => [type, width, height, counts]));

const unpack = (text: string): Flip[] =>
  (JSON.parse(text) as Runs[]).map(([type, width, height, counts]) => ({ type, rle: { width, height, counts } }));

interface Snapshot extends Omit<LabelState, 'layers' | 'version' | 'completed'> {
  readonly layers: string;
}

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

  /** Number of an image's last event. */
  async version(image: number): Promise<number | undefined> {
    const row = await this.db.selectFrom('images').select('version').where('id', '=', image).executeTakeFirst();
    return row?.version;
  }

  /** An image's state: its snapshot, or the fold of its history. @param threshold of an image without history. */
  async load(image: number, threshold: number): Promise<LabelState> {
    const row = await this.db
      .selectFrom('snapshots')
      .innerJoin('images', 'images.id', 'snapshots.image')
      .select(['snapshots.version', 'snapshots.completed', 'snapshots.content'])
      .where('image', '=', image)
      .whereRef('snapshots.version', '=', 'images.version')
      .executeTakeFirst();
    if (!row) return this.refold(image, threshold);
    const { layers, ...rest } = JSON.parse(row.content) as Snapshot;
    const { version, completed } = row;
    return { ...rest, version, completed, layers: new Map(unpack(layers).map(({ type, rle }) => [type, rle])) };
  }

  /** The state from events and results alone. */
  async refold(image: number, threshold: number): Promise<LabelState> {
    return fold(threshold, await this.events(image), await this.results(image));
  }

  /** Events of an image, oldest first. @param from first version. @param to last version. */
  async events(image: number, from = 1, to?: number): Promise<LabelEvent[]> {
    let query = this.db.selectFrom('events').selectAll().where('image', '=', image).where('version', '>=', from);
    if (to !== undefined) query = query.where('version', '<=', to);
    const rows = await query.orderBy('version').execute();
    return rows.map(({ image: _, action, before, after, targets, ...row }) => ({
      ...row,
      action: JSON.parse(action) as StoredAction,
      before: JSON.parse(before) as Face,
      after: JSON.parse(after) as Face,
      targets: JSON.parse(targets) as number[],
    }));
  }

  /** Results of an image's events. @param only of this one. */
  async results(image: number, only?: number): Promise<Map<number, EventResult>> {
    let query = this.db.selectFrom('results').select(['version', 'flips', 'joined']).where('image', '=', image);
    if (only !== undefined) query = query.where('version', '=', only);
    const rows = await query.execute();
    return new Map(
      rows.map(({ version, flips, joined }) => [version, { version, flips: unpack(flips), joined: joined !== 0 }]),
    );
  }

  /** Event and result of some versions, for undo and redo. */
  async past(image: number, versions: readonly number[]) {
    const past = new Map<number, { event: LabelEvent; result: EventResult }>();
    for (const version of versions) {
      const [event] = await this.events(image, version, version);
      const result = (await this.results(image, version)).get(version);
      if (event && result) past.set(version, { event, result });
    }
    return past;
  }

  /**
   * Stores an event, and its result where no model is needed, in one transaction: on the disk when it returns.
   * @param state the state after it.
   * @throws StaleVersion when the image has got another event meanwhile.
   */
  async append(image: number, event: LabelEvent, result: EventResult | undefined, state: LabelState): Promise<void> {
    const { version, author, time, session, action, before, after, targets, duration } = event;
    await this.db.transaction().execute(async (db) => {
      const { numUpdatedRows } = await db
        .updateTable('images')
        .set({ version, state: after.state, review: after.review })
        .where('id', '=', image)
        .where('version', '=', version - 1)
        .executeTakeFirst();
      if (Number(numUpdatedRows) !== 1) throw new StaleVersion();
      await db
        .insertInto('events')
        .values({
          ...{ image, version, author, time, session, duration },
          action: JSON.stringify(action),
          before: JSON.stringify(before),
          after: JSON.stringify(after),
          targets: JSON.stringify(targets),
        })
        .execute();
      if (result) await this.insertResult(db, image, result, state);
      await this.snapshot(db, image, state);
    });
  }

  /** Stores the result of the oldest event that has none. @param state the state after it. @throws StaleVersion as {@link append}. */
  async complete(image: number, result: EventResult, state: LabelState): Promise<void> {
    await this.db.transaction().execute(async (db) => {
      // A write, so that nobody else can add an event until this is done.
      const { numUpdatedRows } = await db
        .updateTable('images')
        .set({ version: state.version })
        .where('id', '=', image)
        .where('version', '=', state.version)
        .executeTakeFirst();
      if (Number(numUpdatedRows) !== 1) throw new StaleVersion();
      const stored = await db
        .selectFrom('results')
        .select('version')
        .where('image', '=', image)
        .where('version', '=', result.version)
        .executeTakeFirst();
      if (stored) throw new StaleVersion();
      await this.insertResult(db, image, result, state);
      await this.snapshot(db, image, state);
    });
  }

  private async insertResult(db: Db, image: number, { version, flips, joined }: EventResult, state: LabelState) {
    await db
      .insertInto('results')
      .values({ image, version, flips: pack(flips), joined: joined ? 1 : 0 })
      .execute();
    for (const { type } of flips) {
      if (type === REGION) continue;
      await db.deleteFrom('layers').where('image', '=', image).where('type', '=', type).execute();
      const rle = state.layers.get(type);
      if (!rle) continue;
      const size = { pixels: rleArea(rle), regions: countRegions(rle) };
      await db
        .insertInto('layers')
        .values({ image, type, ...size })
        .execute();
    }
  }

  private async snapshot(db: Db, image: number, { version, completed, layers, ...rest }: LabelState): Promise<void> {
    const content = JSON.stringify({
      ...rest,
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
      .select(['id', 'category', 'path', 'width', 'height', 'state', 'content'])
      .where('gone', '=', 0)
      .orderBy('path');
    if (category !== undefined) query = query.where('category', '=', category);
    for (const row of await query.execute()) {
      const { layers } = await this.load(row.id, threshold);
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
