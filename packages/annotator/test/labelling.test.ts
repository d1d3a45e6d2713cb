/** Labelling in a real browser against the real server and the real model: what is on the screen is what is on the disk. */
import { join } from 'node:path';
import { readMask, readRgb, writePng } from '@adclick/core';
import { nextClick } from '@adclick/core/evaluation';
import { decodeRle, encodeRle, type Rle, rleArea } from '@adclick/core/geometry';
import { writeSampleProduct } from '@adclick/core/synthesis';
import type { ImageSummary } from 'adclick/api';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, openBrowser, openPage, type Watched } from './browser.ts';
import { LabelPage } from './label-page.ts';
import { TestServer } from './server.ts';

const SIZE = 384;

/** A picture with the spots of two others, `two.png` of 000 and 002. */
async function writeTwoSpots(pictures: string, masks: string): Promise<void> {
  const [one, other] = [await readRgb(join(pictures, '000.png')), await readRgb(join(pictures, '002.png'))];
  const { data: spot } = await readMask(join(masks, '002_mask.png'), { width: SIZE, height: SIZE });
  const data = Uint8Array.from(one.data, (value, i) => (spot[Math.floor(i / 3)] ? other.data[i] : value));
  await writePng(join(pictures, 'two.png'), { ...one, data });
}

describe.skipIf(!findChromium())('labelling in the browser', () => {
  let server: TestServer;
  let browser: Browser;
  let images: ImageSummary[];
  const open: Watched[] = [];

  beforeAll(async () => {
    server = await TestServer.make(async (folder) => {
      await writeSampleProduct(folder, 'bottle-mouth', {
        ...{ normals: 6, testGoods: 2, defectsPerType: 3 },
        ...{ width: SIZE, height: SIZE },
      });
      await writeTwoSpots(join(folder, 'test/contamination'), join(folder, 'ground_truth/contamination'));
    });
    browser = await openBrowser();
    await server.prepared();
    images = await server.images();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const idOf = (path: string) => images.find((image) => image.path.endsWith(path))?.id as number;
  const truthOf = async (path: string) => {
    const { width, height } = { width: SIZE, height: SIZE };
    return readMask(join(server.folder, 'ground_truth', path.replace('.png', '_mask.png')), { width, height });
  };

  async function start(id: number, options: Parameters<typeof openPage>[2] = {}): Promise<LabelPage> {
    const watched = await openPage(browser, `${server.address}#image=${id}`, options);
    open.push(watched);
    const page = new LabelPage(watched.page);
    await page.opened(id);
    return page;
  }

  async function end(): Promise<void> {
    for (const { context, problems } of open.splice(0)) {
      expect(problems).toEqual([]);
      await context.close();
    }
  }

  const layerOf = async (id: number, type = 1): Promise<Rle> =>
    (await server.detail(id)).layers.find((layer) => layer.type === type)?.rle ?? {
      ...{ width: SIZE, height: SIZE },
      counts: [],
    };

  it('turns clicks into a mask that is the same on the screen and on the disk', async () => {
    const id = idOf('broken/000.png');
    const page = await start(id);
    const truth = await truthOf('broken/000.png');
    const click = nextClick(new Float32Array(SIZE * SIZE), truth, [], 0.49);
    if (!click) throw new Error('the sample has no defect');
    await page.click(click.x, click.y);
    const first = await server.detail(id);
    expect(first.clicks).toEqual([{ x: click.x, y: click.y, positive: true }]);
    const mask = decodeRle(first.layers[0].rle);
    expect(rleArea(first.layers[0].rle)).toBeGreaterThan(0);
    expect(await page.shownMask(SIZE, SIZE)).toEqual(mask);
    // A negative click takes away; what is shown follows.
    const far = mask.lastIndexOf(1);
    await page.click(far % SIZE, Math.floor(far / SIZE), 'right');
    const second = await server.detail(id);
    expect(second.clicks.length).toBe(2);
    expect(second.clicks[1].positive).toBe(false);
    const layer = second.layers[0];
    expect(await page.shownMask(SIZE, SIZE)).toEqual(layer ? decodeRle(layer.rle) : new Uint8Array(SIZE * SIZE));
    await end();
  });

  it('offers a second spot after a click on the first, and takes it with one key and back with one undo', async () => {
    const id = idOf('contamination/two.png');
    const page = await start(id);
    const [first, second] = await Promise.all([truthOf('contamination/000.png'), truthOf('contamination/002.png')]);
    const click = nextClick(new Float32Array(SIZE * SIZE), first, [], 0.49);
    if (!click) throw new Error('the sample has no defect');
    await page.click(click.x, click.y);
    const hint = page.page.getByRole('region', { name: 'Candidates' });
    await hint.waitFor();
    const marked = (rle: Rle) => decodeRle(rle).filter((set, i) => set && second.data[i]).length;
    const one = await layerOf(id);
    expect(marked(one)).toBe(0);
    expect(await page.shownMask(SIZE, SIZE)).toEqual(decodeRle(one));
    await page.press('s');
    await page.saved();
    const { clicks } = await server.detail(id);
    expect(clicks[0]).toEqual({ ...click, positive: true });
    expect(clicks.slice(1).some(({ x, y }) => second.data[y * SIZE + x])).toBe(true);
    const area = second.data.filter((set) => set).length;
    expect(marked(await layerOf(id))).toBeGreaterThan(area / 2);
    await page.press('Control+z');
    await page.saved();
    expect((await server.detail(id)).clicks).toHaveLength(1);
    expect(await layerOf(id)).toEqual(one);
    // What was taken back is offered again, until the region ends.
    await hint.waitFor();
    await page.press('f');
    await page.saved();
    expect(await hint.count()).toBe(0);
    await end();
  });

  it('moves and deletes clicks', async () => {
    const id = idOf('broken/001.png');
    const page = await start(id);
    await page.click(100, 100);
    await page.drag([100, 100], [120, 130], [140, 150]);
    await page.saved();
    expect((await server.detail(id)).clicks).toEqual([{ x: 140, y: 150, positive: true }]);
    await page.click(140, 150, 'right');
    expect((await server.detail(id)).clicks).toEqual([]);
    await end();
  });

  it('undoes across a reload, and does again', async () => {
    const id = idOf('broken/002.png');
    const page = await start(id);
    await page.click(60, 60);
    const one = await layerOf(id);
    await page.click(200, 90);
    const two = await layerOf(id);
    await page.page.reload();
    await page.opened(id);
    await page.press('Control+z');
    await page.saved();
    expect((await server.detail(id)).clicks.length).toBe(1);
    expect(await layerOf(id)).toEqual(one);
    expect(await page.shownMask(SIZE, SIZE)).toEqual(decodeRle(one));
    await page.page.reload();
    await page.opened(id);
    await page.press('Control+Shift+Z');
    await page.saved();
    expect((await server.detail(id)).clicks.length).toBe(2);
    expect(await layerOf(id)).toEqual(two);
    expect(await page.shownMask(SIZE, SIZE)).toEqual(decodeRle(two));
    await end();
  });

  it('draws to the pixel with every tool', async () => {
    const id = idOf('drop/000.png');
    const page = await start(id);
    const expected = new Uint8Array(SIZE * SIZE);
    const fill = (x0: number, y0: number, x1: number, y1: number, value: 0 | 1) => {
      for (let y = y0; y <= y1; y++) expected.fill(value, y * SIZE + x0, y * SIZE + x1 + 1);
    };
    const check = async () => {
      await page.saved();
      expect(await layerOf(id)).toEqual(encodeRle(expected, SIZE, SIZE));
      expect(await page.shownMask(SIZE, SIZE)).toEqual(expected);
    };
    await page.press('r');
    await page.drag([50, 50], [70, 60], [89, 79]);
    fill(50, 50, 89, 79, 1);
    await check();
    // An eraser of one pixel takes away one pixel, a hole; filling puts it back.
    await page.press('e');
    for (let i = 0; i < 12; i++) await page.page.keyboard.press('[');
    await page.drag([60, 60]);
    fill(60, 60, 60, 60, 0);
    await check();
    await page.press('g');
    fill(60, 60, 60, 60, 1);
    await check();
    await page.press('b');
    await page.drag([200, 200], [205, 200]);
    fill(200, 200, 205, 200, 1);
    await check();
    await page.press('p');
    for (const [x, y] of [
      [100, 150],
      [130, 150],
      [130, 180],
      [100, 180],
    ]) {
      const place = await page.place(x, y);
      // The corner of a pixel, so that the polygon's edges lie between pixels.
      await page.page.mouse.click(Math.round(place.x - 0.5), Math.round(place.y - 0.5));
    }
    await page.press('Enter');
    fill(100, 150, 129, 179, 1);
    await check();
    await page.press('d');
    const place = await page.place(55, 55);
    await page.page.mouse.click(place.x, place.y);
    fill(50, 50, 89, 79, 0);
    await check();
    await end();
  });

  it('zooms to the pixel with squares, not smears', async () => {
    const id = idOf('drop/001.png');
    const page = await start(id);
    const place = await page.place(100, 100);
    await page.page.mouse.move(place.x, place.y);
    for (let i = 0; i < 20; i++) await page.page.mouse.wheel(0, -120);
    await page.frame();
    const { scale } = await page.view();
    expect(scale).toBeGreaterThan(16);
    const colours = await page.page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('canvas.base');
      const data = canvas
        ?.getContext('2d')
        ?.getImageData(0, Math.floor((canvas.height ?? 0) / 2), canvas.width, 1).data;
      const seen = new Set<string>();
      for (let i = 0; i < (data?.length ?? 0); i += 4) seen.add([...(data?.slice(i, i + 3) ?? [])].join());
      return { count: seen.size, width: canvas?.width ?? 0 };
    });
    // No colour between two pixels: not more colours than pixels in sight.
    expect(colours.count).toBeLessThanOrEqual(Math.ceil(colours.width / scale) + 2);
    await end();
  });

  it('lets two people choose when both have changed an image', async () => {
    const id = idOf('contamination/000.png');
    const mine = await start(id);
    // The other page does not hear of changes in time.
    await mine.page.context().route('**/api/v1/events', (route) => route.abort());
    await mine.page.reload();
    await mine.opened(id);
    const theirs = await start(id);
    await theirs.press('r');
    await theirs.drag([10, 10], [19, 19]);
    await theirs.saved();
    await mine.press('r');
    await mine.drag([15, 10], [34, 19]);
    const dialog = mine.page.getByRole('dialog', { name: /changed this image/ });
    await dialog.waitFor();
    const cells = await dialog.locator('tr[data-merge-type="1"] td').allTextContents();
    expect(cells).toEqual(['100', '200', '250']);
    await dialog.getByRole('button', { name: 'Keep both' }).click();
    await mine.saved();
    expect(rleArea(await layerOf(id))).toBe(250);
    expect(await mine.shownMask(SIZE, SIZE)).toEqual(decodeRle(await layerOf(id)));
    // The other page hears of it by itself.
    await theirs.page.waitForFunction(
      (version) => document.querySelector<HTMLElement>('canvas.base')?.dataset.drawn?.split(' ')[1] === String(version),
      (await server.detail(id)).version,
    );
    expect(await theirs.shownMask(SIZE, SIZE)).toEqual(decodeRle(await layerOf(id)));
    await end();
  });
});
