/** What the history says about the work: figures for the statistics page. */
import type { Db } from './schema.ts';

export interface EventFigures {
  /** Milliseconds of work and clicks of each image that has a label. */
  readonly images: readonly { readonly image: number; readonly duration: number; readonly clicks: number }[];
  readonly byType: readonly { type: number; images: number; regions: number; pixels: number }[];
  readonly byAuthor: readonly { author: string; images: number; clicks: number }[];
  readonly perDay: readonly { day: string; images: number }[];
}

/** How events that are clicks begin in the column `action`: `click`, and `clicks`, which are one press of a key. */
const CLICK = '{"kind":"click%';

export class StatisticsRepository {
  constructor(private readonly db: Db) {}

  async figures(): Promise<EventFigures> {
    const { db } = this;
    const labelled = db.selectFrom('images').select('id').where('state', '!=', 'todo').where('gone', '=', 0);
    const clicked = await db
      .selectFrom('events')
      .select(({ fn }) => ['image', 'author', fn.countAll().as('clicks')])
      .where('action', 'like', CLICK)
      .groupBy(['image', 'author'])
      .execute();
    const worked = await db
      .selectFrom('events')
      .select(({ fn }) => ['image', fn.sum('duration').as('duration')])
      .where('image', 'in', labelled)
      .groupBy('image')
      .execute();
    const authors = await db
      .selectFrom('events')
      .select(({ fn }) => ['author', fn.count('image').distinct().as('images')])
      .groupBy('author')
      .orderBy('author')
      .execute();
    const byType = await db
      .selectFrom('layers')
      .select(({ fn }) => [
        'type',
        fn.count('image').as('images'),
        fn.sum('regions').as('regions'),
        fn.sum('pixels').as('pixels'),
      ])
      .groupBy('type')
      .orderBy('type')
      .execute();
    // The day on which an image got its last event.
    const last = db
      .selectFrom('events')
      .select(({ fn }) => ['image', fn.max('time').as('time')])
      .where('image', 'in', labelled)
      .groupBy('image');
    const days = new Map<string, number>();
    for (const { time } of await last.execute()) {
      const day = time.slice(0, 10);
      days.set(day, (days.get(day) ?? 0) + 1);
    }
    const clicks = { image: new Map<number, number>(), author: new Map<string, number>() };
    for (const row of clicked) {
      clicks.image.set(row.image, (clicks.image.get(row.image) ?? 0) + Number(row.clicks));
      clicks.author.set(row.author, (clicks.author.get(row.author) ?? 0) + Number(row.clicks));
    }
    return {
      images: worked.map(({ image, duration }) => ({
        image,
        duration: Number(duration),
        clicks: clicks.image.get(image) ?? 0,
      })),
      byType: byType.map(({ type, images, regions, pixels }) => ({
        type,
        images: Number(images),
        regions: Number(regions),
        pixels: Number(pixels),
      })),
      byAuthor: authors.map(({ author, images }) => ({
        author,
        images: Number(images),
        clicks: clicks.author.get(author) ?? 0,
      })),
      perDay: [...days].sort(([a], [b]) => (a < b ? -1 : 1)).map(([day, images]) => ({ day, images })),
    };
  }
}
