/**
 * What work leaves that is killed at a random moment: never half a label, index or export, nothing that others trip over, and no file in the
 * making once the next of its kind has run.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ReferenceIndex, Runtime, writePng } from '@adclick/core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { indexProject } from '../../src/engine/indexing.ts';
import { openSource } from '../../src/exchange/source.ts';
import { exportLabels, importLabels } from '../../src/exchange/transfer.ts';
import { openLabels } from '../../src/open-labels.ts';
import { categoriesOf, indexFolder } from '../../src/project/categories.ts';
import { checkDatabase } from '../../src/store/connection.ts';
import { databasePath } from '../../src/store/database-path.ts';
import { Store } from '../../src/store/store.ts';
import { attack, makeProject, random } from './killing.ts';

/** Processes from source compile themselves first, which takes its time on a busy machine. */
vi.setConfig({ testTimeout: 600_000 });

/** The index of a folder, opened for a look. */
async function namesIn(folder: string, runtime: Runtime): Promise<readonly string[]> {
  return (await ReferenceIndex.open(folder, { runtime })).names;
}

test('index: the old one or the new one, and the next build finishes it', async () => {
  const project = await makeProject();
  const [category] = categoriesOf(project);
  const folder = indexFolder(project, category);
  const runtime = await Runtime.start();
  onTestFinished(() => runtime.close());
  let pictures = 6;
  await attack('index', project, {
    async before() {
      const data = Uint8Array.from({ length: 128 * 128 * 3 }, () => random.int(90, 140));
      const name = `more-${pictures++}.png`;
      await writePng(join(project.root, 'train/good', name), { data, width: 128, height: 128, channels: 3 });
    },
    async after() {
      expect((await namesIn(folder, runtime)).length).toBeGreaterThanOrEqual(pictures - 1);
    },
    async finish() {
      const { indexes } = await indexProject(project.root);
      expect(indexes).toMatchObject([{ pictures }]);
      expect(await namesIn(folder, runtime)).toHaveLength(pictures);
    },
  });
});

test('import: each picture has its whole label or the one before, and the next import puts them all', async () => {
  const project = await makeProject();
  const { root } = project;
  await (await Store.open(root)).close();
  const masks = (await readdir(join(root, 'ground_truth'), { recursive: true })).filter((name) =>
    name.endsWith('.png'),
  );
  const labelled = async () => {
    const { store, close } = await openLabels(root, 'ada', 'test');
    const found: string[] = [];
    for await (const { path, state, layers } of store.images()) {
      if (state === 'defect') expect(layers).toHaveLength(1);
      if (state === 'defect') found.push(path);
    }
    await close();
    return found;
  };
  await attack('import', project, {
    async after() {
      await labelled();
      expect(checkDatabase(databasePath(root))).toEqual([]);
    },
    async finish() {
      const { store, close } = await openLabels(root, 'ada', 'mvtec');
      const report = await importLabels(store, { format: 'mvtec', source: await openSource(root) }).finally(close);
      expect(report).toMatchObject({ defects: masks.length, leftOut: [] });
      expect(await labelled()).toHaveLength(masks.length);
    },
  });
});

test('export: the one before or the new one, never half of one', async () => {
  const project = await makeProject();
  const { root } = project;
  const target = join(root, 'out/coco');
  const { images } = await exported(root);
  await attack('export', project, {
    async after() {
      // One that was moved aside is given back by the next export.
      if (!existsSync(target)) return;
      const files = JSON.parse(await readFile(join(target, 'adclick-export.json'), 'utf8')) as { files: unknown[] };
      expect(files).toMatchObject({ format: 'coco' });
    },
    async finish() {
      expect(await exported(root)).toMatchObject({ images, changed: [], leftOut: [] });
    },
  });
});

async function exported(root: string) {
  const { store, close } = await openLabels(root, 'ada', 'coco');
  const pictureOf = ({ path }: { path: string }) => join(root, path);
  const request = { format: 'coco', target: join(root, 'out/coco'), force: true, pictureOf } as const;
  return exportLabels(store, request).finally(close);
}
