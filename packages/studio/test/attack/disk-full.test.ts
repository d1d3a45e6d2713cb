/**
 * A disk that is really full: a small file system in memory, where one may be mounted. What cannot be written is refused with its code,
 * nothing half-written stays, what was acknowledged is there, and with space again everything goes on.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeRle } from '@adclick/core/geometry';
import { Random } from '@adclick/core/synthesis';
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { openSource } from '../../src/exchange/source.ts';
import { exportLabels, importLabels } from '../../src/exchange/transfer.ts';
import { openLabels } from '../../src/open-labels.ts';
import { type SmallDisk, smallDisk } from '../cases/disk.ts';
import { adclick, errorCode } from '../command.ts';
import { makeProjectIn, openStudio, SIDE } from '../sample.ts';

/**
 * A disk for one test, which is skipped where there can be none. Of its own: a database that was closed gives its deleted file's room back
 * when memory is cleaned up, at any moment of the test that follows.
 */
function given(context: TestContext): SmallDisk {
  const disk = smallDisk(12 * 2 ** 20);
  if (!disk) return context.skip('no file system can be mounted here');
  onTestFinished(disk.close);
  return disk;
}

let projects = 0;
async function project({ folder }: SmallDisk) {
  const root = join(folder, `project-${projects++}`);
  await mkdir(root);
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return makeProjectIn(root, 3);
}

/** Files of ours that are in the making. */
const halves = async (root: string) =>
  (await readdir(root, { recursive: true })).filter((path) => /\.(?:tmp|part|old)$/.test(path));

/** A mask that no run length makes small. */
function noise(seed: string) {
  const random = new Random(seed);
  const counts: number[] = [];
  for (let left = SIDE.width * SIDE.height; left > 0; ) {
    const run = Math.min(left, random.int(1, 4));
    counts.push(run);
    left -= run;
  }
  return { ...SIDE, counts };
}

describe('on a full disk', () => {
  test('an action that cannot be stored is not acknowledged, and those before it stay', async (context) => {
    const full = given(context);
    const made = await project(full);
    const studio = await openStudio(made);
    const paint = (base: number) => {
      const action = { kind: 'paint', tool: 'brush', type: 1, add: noise(`${base}`), remove: null } as const;
      return studio.labels.act(1, { base, action }, 'ada');
    };
    let { version } = await paint(0);
    full.fill();
    let refused: unknown;
    while (!refused && version < 2_000)
      await paint(version).then(
        (answer) => (version = answer.version),
        (error) => (refused = error),
      );
    expect(refused).toMatchObject({ code: 'ADC_DISK', passing: 'by itself' });
    expect((await studio.labels.peek(1)).version).toBe(version);
    full.free();
    version = (await paint(version)).version;
    const { events } = await studio.labels.history(1);
    expect(events.map((event) => event.version)).toEqual(Array.from({ length: version }, (_, i) => i + 1));
  });

  test('index, prompts and export are refused with ADC_DISK; nothing of them stays, and later they work', async (context) => {
    const full = given(context);
    const { root } = await project(full);
    const out = join(full.folder, 'out');
    const commands = [
      ['index', root],
      ['prompts', 'generate', root],
      ['export', root, '--format', 'mvtec', '--to', out],
    ];
    full.fill();
    for (const command of commands) {
      const ended = await adclick(command);
      expect(errorCode(ended), `${command[0]}: ${ended.stderr}`).toBe('ADC_DISK');
      expect(ended.code).toBe(1);
      expect(await halves(root), command[0]).toEqual([]);
      expect(existsSync(out)).toBe(false);
    }
    full.free();
    for (const command of commands) {
      const ended = await adclick(command);
      expect(ended.code, `${command[0]}: ${ended.stderr}`).toBe(0);
    }
    await rm(out, { recursive: true });
  });

  test('an import names what it could not store, and brings all of it when there is space', async (context) => {
    const full = given(context);
    const from = await project(full);
    const target = await mkdtemp(join(tmpdir(), 'adclick-export-'));
    onTestFinished(() => rm(target, { recursive: true }));
    const studio = await openStudio(from);
    const layers = (n: number) => [{ type: 'dent', rle: noise(`import ${n}`) }];
    for (const n of [0, 1, 2]) await studio.archive.replace(`test/dent/${n}.png`, layers(n), 'defect', 'test', 'ada');
    await studio.close();
    const out = await openLabels(from.root, 'ada', 'coco');
    await exportLabels(out.store, { format: 'coco', target: join(target, 'coco') });
    await out.close();

    const into = await project(full);
    await (await openStudio(into)).close();
    const bring = async () => {
      const { store, close } = await openLabels(into.root, 'bo', 'coco');
      const source = await openSource(join(target, 'coco'));
      return importLabels(store, { format: 'coco', source }).finally(close);
    };
    full.fill();
    await expect(bring()).rejects.toMatchObject({ code: 'ADC_DISK' });
    full.free();
    expect(await halves(into.root)).toEqual([]);
    expect(await bring()).toMatchObject({ images: expect.any(Number), leftOut: [] });
    const again = await openStudio(into);
    const image = await again.store.images.findByPath('test/dent/2.png');
    const [mask] = (await again.labels.state(image?.id ?? 0)).layers.values();
    expect(decodeRle(mask)).toEqual(decodeRle(noise('import 2')));
  });
});
