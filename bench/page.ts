/**
 * `npm run bench:page [-- --json] [--quick] [--no-write] [--wait SECONDS]`: the labelling page in a real browser against the real server
 * and the real model, timed inside the page.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readMask, writePng } from '@adclick/core';
import { nextClick } from '@adclick/core/evaluation';
import { decodeRle, encodeRle } from '@adclick/core/geometry';
import { encodePng } from '@adclick/core/image';
import { makeProduct, Random } from '@adclick/core/synthesis';
import { findChromium, NO_BROWSER, openBrowser, openPage } from '../packages/annotator/test/browser.ts';
import { buildPage } from '../packages/annotator/test/build-page.ts';
import { LabelPage } from '../packages/annotator/test/label-page.ts';
import { TestServer } from '../packages/annotator/test/server.ts';
import { installProbe, nextTime, panAndZoom, scrollList, timesSoFar } from './parts/page-probes.ts';
import { QuietRun } from './quiet.ts';
import { machine, quantile, round, spread, table, writeSection } from './results.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    /** A few clicks and frames, to see that everything runs; its figures mean little and are not written down. */
    quick: { type: 'boolean', default: false },
    'no-write': { type: 'boolean', default: false },
    /** Seconds that all waiting for a quiet machine may take together. */
    wait: { type: 'string', default: '300' },
  },
});

const QUICK = values.quick;
const CLICKS = QUICK ? 1 : 3;
const DEFECTS = QUICK ? 1 : 8;
const NORMALS = QUICK ? 4 : 30;
const FRAMES = QUICK ? 40 : 400;
const LISTED = QUICK ? 500 : 10_000;
const OPENINGS = QUICK ? 1 : 5;
/** 12 megapixels. */
const LARGE = { width: 4000, height: 3000 };
const REGIONS = 200;

/** Frames as fast as they can be drawn: with the screen's own clock every frame would take 16.7 ms or a multiple. */
const UNLOCKED = ['--disable-frame-rate-limit', '--disable-gpu-vsync'];

const run = new QuietRun(Number(values.wait));
const measured = run.measured.bind(run);

/** Clicks on every defect of a sample product, and Enter in between. */
async function clicksAndNext() {
  const server = await TestServer.sample('bottle-mouth', {
    ...{ normals: NORMALS, testGoods: 0, defectsPerType: DEFECTS },
    ...{ width: 512, height: 512 },
  });
  const browser = await openBrowser();
  try {
    await server.prepared();
    const images = new Map((await server.images()).map(({ id, path }) => [id, path]));
    return await measured('clicks and next images, 512 px', async () => {
      const { page: raw } = await openPage(browser, server.address);
      const page = new LabelPage(raw);
      let id = await page.opened();
      await installProbe(raw);
      const [clicks, nexts]: [number[], number[]] = [[], []];
      for (let n = 0; n < images.size; n++) {
        const path = (images.get(id) as string).replace(/^test/, 'ground_truth').replace('.png', '_mask.png');
        const truth = await readMask(join(server.folder, path), { width: 512, height: 512 });
        const made: { x: number; y: number; positive: boolean }[] = [];
        let probability = new Float32Array(512 * 512);
        for (let k = 0; k < CLICKS; k++) {
          const click = nextClick(probability, truth, made, 0.49);
          if (!click) break;
          made.push(click);
          const before = await timesSoFar(raw);
          const place = await page.place(click.x, click.y);
          await raw.mouse.click(place.x, place.y, { button: click.positive ? 'left' : 'right' });
          clicks.push(await nextTime(raw, before));
          await page.saved();
          const layer = (await server.detail(id)).layers[0];
          probability = layer ? Float32Array.from(decodeRle(layer.rle)) : new Float32Array(512 * 512);
        }
        if (n === images.size - 1) break;
        // A person looks before going on; meanwhile the next image is loaded ahead.
        await raw.waitForTimeout(1500);
        const started = await pressAndOpen(raw, id);
        nexts.push(started.milliseconds);
        id = started.id;
        await page.saved();
      }
      return { clicks, nexts };
    });
  } finally {
    await browser.close();
    await server.close();
  }
}

/** Presses Enter inside the page and waits for the frame with another image on it. */
function pressAndOpen(
  page: Parameters<typeof installProbe>[0],
  from: number,
): Promise<{ id: number; milliseconds: number }> {
  return page.evaluate(
    (before) =>
      new Promise<{ id: number; milliseconds: number }>((resolve) => {
        const canvas = document.querySelector<HTMLCanvasElement>('canvas.base');
        const start = performance.now();
        if (!canvas) throw new Error('no canvas');
        const watch = new MutationObserver(() => {
          const id = Number((canvas.dataset.drawn ?? '').split(' ')[0]);
          if (id === before || id === 0) return;
          watch.disconnect();
          requestAnimationFrame(() => resolve({ id, milliseconds: performance.now() - start }));
        });
        watch.observe(canvas, { attributes: true, attributeFilter: ['data-drawn'] });
        canvas.parentElement?.dispatchEvent(
          new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }),
        );
      }),
    from,
  );
}

/** A picture of 12 megapixels, and 200 round regions of two types on it. */
async function frames() {
  const product = makeProduct('stoneTile', 2, { width: 500, height: 375 });
  const server = await TestServer.make(async (folder) => {
    for (let n = 0; n < 3; n++)
      await writePng(join(await made(folder, 'train/good'), `${n}.png`), product.good(new Random(n)));
    await writePng(join(await made(folder, 'test/spots'), 'large.png'), enlarge(product.good(new Random('large'))));
  });
  const browser = await openBrowser(UNLOCKED);
  try {
    const [image] = await server.images();
    const random = new Random('regions');
    const mask = new Uint8Array(LARGE.width * LARGE.height);
    for (let n = 0; n < REGIONS; n++) {
      const [x, y, radius] = [random.int(0, LARGE.width - 1), random.int(0, LARGE.height - 1), random.int(6, 60)];
      for (let dy = -radius; dy <= radius; dy++)
        for (let dx = -radius; dx <= radius; dx++) {
          const [px, py] = [x + dx, y + dy];
          if (dx * dx + dy * dy <= radius * radius && px >= 0 && py >= 0 && px < LARGE.width && py < LARGE.height)
            mask[py * LARGE.width + px] = 1;
        }
    }
    const add = encodeRle(mask, LARGE.width, LARGE.height);
    const action = { kind: 'paint', tool: 'brush', type: 1, add, remove: null };
    await server.post(`/images/${image.id}/actions`, { base: image.version, action });
    await settled(server);
    return await measured('pan and zoom, 12 megapixels', async () => {
      const { page: raw } = await openPage(browser, server.address);
      const page = new LabelPage(raw);
      await page.opened();
      await raw.waitForTimeout(1000);
      // Once for the levels of the pyramid, then for the record.
      await panAndZoom(raw, Math.round(FRAMES / 4));
      await page.press('0');
      return panAndZoom(raw, FRAMES);
    });
  } finally {
    await browser.close();
    await server.close();
  }
}

/** Opens a project of 10,000 tiny images and scrolls its list. */
async function list() {
  const server = await TestServer.make(async (folder) => {
    const random = new Random('tiny');
    for (const [place, count] of [
      ['train/good', 2],
      ['test/all', LISTED],
    ] as const) {
      const directory = await made(folder, place);
      for (let n = 0; n < count; n++) {
        const data = Uint8Array.from({ length: 16 * 16 * 3 }, () => random.int(0, 256));
        const png = await encodePng({ data, width: 16, height: 16, channels: 3 });
        await writeFile(join(directory, `${String(n).padStart(5, '0')}.png`), png);
      }
    }
  });
  const browser = await openBrowser();
  try {
    const seconds: number[] = [];
    let scrolled: number[] = [];
    await measured(`a project of ${LISTED} images`, async () => {
      for (let n = 0; n < OPENINGS; n++) {
        const { page: raw, context } = await openPage(browser, 'about:blank');
        const start = performance.now();
        await raw.goto(server.address);
        await raw.waitForSelector(`.list[data-total="${LISTED}"] button.line`);
        await new LabelPage(raw).opened();
        seconds.push((performance.now() - start) / 1000);
        if (n === OPENINGS - 1) scrolled = await scrollList(raw, FRAMES);
        await context.close();
      }
    });
    return { seconds, scrolled };
  } finally {
    await browser.close();
    await server.close();
  }
}

async function made(folder: string, place: string): Promise<string> {
  await mkdir(join(folder, place), { recursive: true });
  return join(folder, place);
}

/** The picture eight times as large: what matters here is the number of pixels. */
function enlarge({ data, width }: { data: Uint8Array; width: number }) {
  const out = new Uint8Array(LARGE.width * LARGE.height * 3);
  for (let y = 0, i = 0; y < LARGE.height; y++)
    for (let x = 0; x < LARGE.width; x++, i += 3) {
      const from = (Math.floor(y / 8) * width + Math.floor(x / 8)) * 3;
      out[i] = data[from];
      out[i + 1] = data[from + 1];
      out[i + 2] = data[from + 2];
    }
  return { ...LARGE, data: out, channels: 3 as const };
}

/** Until nothing runs in the background. */
async function settled(server: TestServer): Promise<void> {
  for (let n = 0; n < 600; n++) {
    const { jobs } = await server.get<{ jobs: { state: string; kind: string }[] }>('/jobs');
    if (jobs.length > 0 && jobs.every(({ state }) => state !== 'running')) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

if (!findChromium()) throw new Error(NO_BROWSER);
await buildPage();
const work = await clicksAndNext();
const frame = await frames();
const project = await list();
const result = {
  click: spread(work.clicks),
  next: { p50: round(quantile(work.nexts, 0.5), 1) },
  frame: { p50: round(quantile(frame, 0.5), 1), p95: round(quantile(frame, 0.95), 1) },
  list: { seconds: round(quantile(project.seconds, 0.5), 2), scrollP95: round(quantile(project.scrolled, 0.95), 1) },
  machine: machine(),
  quiet: run.quiet,
  quick: QUICK,
};
const rows = [
  [
    `click → mask on the screen, 512 px (${work.clicks.length} clicks), p50 · p95`,
    `${result.click.p50} · ${result.click.p95} ms`,
    '150 · 400 ms',
  ],
  [`Enter → next image on the screen (${work.nexts.length} images), p50`, `${result.next.p50} ms`, '200 ms'],
  [
    `frame while panning and zooming, 12 megapixels, ${REGIONS} regions, p50 · p95`,
    `${result.frame.p50} · ${result.frame.p95} ms`,
    '16 ms',
  ],
  [`a project of ${LISTED} images opens`, `${result.list.seconds} s`, '2 s'],
  ['frame while its list scrolls from end to end, p95', `${result.list.scrollP95} ms`, ''],
];
const text = [
  table(['the page in chromium without a graphics card', 'measured', 'wanted'], rows),
  `Timed inside the page, from the event to the frame after the one that shows the result. ${result.machine}.${run.quiet === false ? ' The machine was busy during a part of this run.' : ''}`,
].join('\n\n');
if (!QUICK && !values['no-write']) await writeSection('Labelling page', text);
process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${text}\n`);
