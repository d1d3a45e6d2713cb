/** Plans of tables: which cells they share, whom pretraining leaves out, what weights have seen, and what is refused. */
import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_WEIGHTS, writeMask } from '@adclick/core';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { temporaryFolder, writeFlat } from '../../../test/sample.ts';
import { resolveWeights } from '../../project/model-files.ts';
import { canonical, needsOf } from './cells.ts';
import { departuresOf } from './departures.ts';
import { type Plan, planTable, type ReproduceSettings } from './plan.ts';
import { reproductionOf } from './report.ts';
import { openRival } from './rivals.ts';
import { CellStore } from './store.ts';
import { hasSeen } from './subjects.ts';

vi.mock('./rivals.ts', { spy: true });

const SIDE = { width: 16, height: 16 };

/** A category of flat pictures. */
async function makeCategory(data: string, category: string): Promise<void> {
  const root = join(data, category);
  for (const name of ['0', '1']) await writeFlat(join(root, 'train/good', `${name}.png`), 90, SIDE);
  await writeFlat(join(root, 'test/good', '0.png'), 90, SIDE);
  for (const name of ['0', '1', '2']) {
    await writeFlat(join(root, 'test/dent', `${name}.png`), 100, SIDE);
    const data = new Uint8Array(SIDE.width * SIDE.height).fill(1, 0, 20);
    await writeMask(join(root, 'ground_truth/dent', `${name}_mask.png`), { data, ...SIDE, channels: 1 });
  }
}

let data: string;
beforeEach(async () => {
  data = await temporaryFolder();
  for (const name of ['bottle', 'bottle_900', 'tile', 'ksdd_commutator']) await makeCategory(data, name);
  await mkdir(join(data, 'empty'));
});

const plan = (more: Partial<ReproduceSettings> = {}): Promise<Plan> =>
  planTable({
    ...{ table: 'table4', data, preset: 'small', pretrain: false, steps: 1, pixels: 512 },
    ...more,
  });
const kinds = ({ cells }: Plan) => {
  const count: Record<string, number> = {};
  for (const { kind } of cells.values()) count[kind] = (count[kind] ?? 0) + 1;
  return count;
};
const categories = ({ subjects }: Plan) => subjects.chosen.map(({ category }) => category);

describe('categories', () => {
  test('each table takes its own, another size of a product and folders without defects are left out with a reason', async () => {
    const labelled = await plan();
    expect(categories(labelled)).toEqual(['bottle', 'tile']);
    expect(labelled.subjects.leftOut.map(({ category }) => category)).toEqual([
      'empty',
      'bottle_900',
      'ksdd_commutator',
    ]);
    expect(labelled.subjects.leftOut[1].why).toBe('the same product as bottle');
    expect(categories(await plan({ table: 'table1' }))).toEqual(['bottle', 'ksdd_commutator', 'tile']);
    expect(categories(await plan({ table: 'table6' }))).toEqual(['ksdd_commutator']);
    expect(categories(await plan({ category: ['bottle_900'] }))).toEqual(['bottle_900']);
  });

  test('those that the weights have seen are left out, and refused by name', async () => {
    await rename(join(data, 'tile'), join(data, 'deeppcb'));
    expect(categories(await plan())).toEqual(['bottle']);
    await expect(plan({ category: ['deeppcb'] })).rejects.toMatchObject({
      code: 'ADC_DATASET',
      message: expect.stringContaining('--pretrain'),
    });
    expect(categories(await plan({ pretrain: true }))).toEqual(['bottle', 'deeppcb']);
  });

  test('names of weights are compared whole', () => {
    const trainedOn = 'drawn products, wood_256, aws_cookie (good pictures); then the good pictures of cable';
    const seen = ['wood_256', 'aws_cookie', 'wood', 'cookie', 'wood_256_512'];
    expect(seen.map((name) => hasSeen(trainedOn, name))).toEqual([true, true, false, false, true]);
  });
});

describe('cells', () => {
  test('tables 4, 5 and 8 share detectors and labels', async () => {
    const [four, five, eight] = [await plan(), await plan({ table: 'table5' }), await plan({ table: 'table8' })];
    expect(kinds(four)).toEqual({ labels: 2, detector: 6, detection: 6 });
    expect([...five.cells.keys()]).toEqual([...four.cells.keys()]);
    // The residual and the true masks are not in Table 8; what it calls "pla" is what this preset gives in Table 4.
    const shared = [...eight.cells].filter(([name]) => four.cells.has(name)).map(([, { kind }]) => kind);
    expect(shared.sort()).toEqual(['detection', 'detection', 'detector', 'detector', 'labels', 'labels']);
    const missing = eight.rows.filter(({ figures }) => 'missing' in figures).map(({ id }) => id);
    expect([...new Set(missing)]).toEqual(['i', 'pi', 'il', 'pil', 'pila']);
  });

  test('tables 1 and 7 share figures; without fine-tuning nothing is trained', async () => {
    const [one, seven] = [
      await plan({ table: 'table1', category: ['tile'] }),
      await plan({ table: 'table7', category: ['tile'] }),
    ];
    expect(kinds(one)).toEqual({ clicks: 2, tune: 1 });
    expect([...one.cells.keys()].every((name) => seven.cells.has(name))).toBe(true);
    expect(kinds(await plan({ table: 'table1', row: ['pre-trained', 'pre-trained-ruled'] }))).toEqual({ clicks: 3 });
  });

  test('pretraining sees neither the category, nor its product in another size, nor KolektorSDD2', async () => {
    const made = await plan({ table: 'table1', pretrain: true, row: ['pre-trained'] });
    const without = [...made.cells.values()].flatMap((cell) => (cell.kind === 'pretrain' ? [cell] : []));
    expect(without.map(({ category, on }) => [category, on.map((each) => each.category)])).toEqual([
      ['bottle', ['tile']],
      ['ksdd_commutator', ['bottle', 'tile']],
      ['tile', ['bottle']],
    ]);
    for (const cell of made.cells.values()) if (cell.kind === 'clicks') expect(needsOf(cell)).toHaveLength(1);
    expect(kinds(await plan({ preset: 'paper', row: ['weak'] }))).toMatchObject({ pretrain: 2 });
  });

  test('of the published network have its width and backbone, clicks in training, and neither language nor weights to begin with', async () => {
    const made = await plan({ table: 'table8', preset: 'paper', width: 64, backbone: 'wide-resnet-50-2' });
    const missing = made.rows.filter(({ figures }) => 'missing' in figures).map(({ id }) => id);
    expect(missing).toEqual(expect.arrayContaining(['p', 'l', 'pi', 'pl', 'il', 'pil', 'pla', 'pila']));
    const networks = [...made.cells.values()].flatMap((cell) => (cell.kind === 'detector' ? [cell.network] : []));
    expect(networks.length).toBeGreaterThan(0);
    for (const network of networks)
      expect(network).toMatchObject({
        network: { preset: 'paper', width: 64 },
        ...{ clicked: true, language: false, pretrained: false, abandon: false },
      });
    for (const cell of made.cells.values())
      if (cell.kind === 'detector' || cell.kind === 'labels') expect(cell.backbone).toBe('wide-resnet-50-2');
      else if (cell.kind === 'pretrain')
        expect(cell).toMatchObject({ network: { width: 64 }, training: { backbone: 'wide-resnet-50-2' } });
  });

  test('are others with other pictures, settings or steps, and the same wherever the data lies', async () => {
    const names = async (more: Partial<ReproduceSettings> = {}) => [...(await plan(more)).cells.keys()].sort();
    const before = await names({ row: ['weak'] });
    const moved = join(await temporaryFolder(), 'elsewhere');
    await rename(data, moved);
    data = moved;
    expect(await names({ row: ['weak'] })).toEqual(before);
    const changed = await names({ row: ['weak'], steps: 0.5 });
    expect(changed.filter((name) => before.includes(name)).every((name) => name.startsWith('labels'))).toBe(true);
    await writeFlat(join(data, 'tile/test/good/0.png'), 91, SIDE);
    const after = await names({ row: ['weak'] });
    expect(after.filter((name) => before.includes(name)).every((name) => name.includes('bottle'))).toBe(true);
  });

  test('are others when the same pictures are divided otherwise', async () => {
    const root = join(data, 'capsules');
    for (const [i, name] of ['0', '1', '2'].entries())
      await writeFlat(join(root, 'Data/Images/Normal', `${name}.png`), 90 + i, SIDE);
    await writeFlat(join(root, 'Data/Images/Anomaly/0.png'), 100, SIDE);
    const mask = new Uint8Array(SIDE.width * SIDE.height).fill(1, 0, 20);
    await writeMask(join(root, 'Data/Masks/Anomaly/0.png'), { data: mask, ...SIDE, channels: 1 });
    await mkdir(join(data, 'split_csv'));
    const named = async (tested: string, type: string) => {
      const split = `object,split,label,image\ncapsules,test,normal,${tested}.png\n`;
      await writeFile(join(data, 'split_csv/1cls.csv'), split);
      await writeFile(join(root, 'image_anno.csv'), `image,label\n0.png,${type}\n`);
      const { cells } = await plan({ table: 'table2', category: ['capsules'], row: ['residual'] });
      return [...cells.keys()];
    };
    const before = await named('0', 'dent');
    expect(await named('0', 'dent')).toEqual(before);
    for (const after of [await named('1', 'dent'), await named('0', 'scratch')])
      expect(after.filter((name) => before.includes(name))).toEqual([]);
  });

  test('a key does not depend on the order in which settings were named', () => {
    expect(canonical({ b: [1, { d: undefined, c: 'x' }], a: null })).toBe(canonical({ a: null, b: [1, { c: 'x' }] }));
    expect(canonical({ a: 1 })).not.toBe(canonical({ a: '1' }));
  });
});

test('Tables 2 and 3 test on every defect, the others leave ten out', async () => {
  const leftOut = async (table: ReproduceSettings['table']) =>
    [...(await plan({ table })).cells.values()].flatMap((cell) => (cell.kind === 'detection' ? [cell.leaveOut] : []));
  expect(new Set(await leftOut('table2'))).toEqual(new Set([0]));
  expect(new Set(await leftOut('table5'))).toEqual(new Set([10]));
});

describe('other methods', () => {
  test('maps are a cell a category, known by the content of their folder', async () => {
    const maps = join(data, 'maps');
    await mkdir(maps);
    await writeFile(join(maps, 'x.npy'), 'one');
    const of = async () => {
      const { cells } = await plan({ row: ['residual'], category: ['tile'], maps: [`draem=${maps}`] });
      return [...cells].filter(([, { kind }]) => kind === 'maps').map(([name]) => name);
    };
    const before = await of();
    expect(before).toHaveLength(1);
    await writeFile(join(maps, 'x.npy'), 'two');
    expect(await of()).not.toEqual(before);
  });

  test('other weights are labelled with on the same pictures', async () => {
    const rival = ['weights:adclick-small'];
    const made = await plan({ table: 'table1', row: ['pre-trained'], category: ['tile'], rival });
    // These are the same weights, so it is the same cell.
    expect(kinds(made)).toEqual({ clicks: 1 });
    expect(made.rows.map(({ method }) => method)[1]).toContain('drawn products');
  });

  test('other weights are opened once, however many categories there are', async () => {
    vi.mocked(openRival).mockClear();
    const made = await plan({ table: 'table1', row: ['pre-trained'], rival: ['weights:adclick-small'] });
    expect(made.rows).toHaveLength(6);
    expect(openRival).toHaveBeenCalledTimes(1);
  });

  test('those of the same name have rows of their own', async () => {
    const copy = join(await temporaryFolder(), 'copy.safetensors');
    await copyFile(resolveWeights(DEFAULT_WEIGHTS), copy);
    const rival = [`weights:${DEFAULT_WEIGHTS}`, `weights:${copy}`];
    const rowsOf = async (more: Partial<ReproduceSettings>) => {
      const store = new CellStore(await temporaryFolder());
      const { rows } = await reproductionOf(await plan({ category: ['bottle', 'tile'], ...more }), store, [], 'again');
      return rows.map(({ method, on }) => `${method} on ${on}`);
    };
    const rivals = (await rowsOf({ table: 'table1', row: ['pre-trained'], rival })).slice(2);
    expect(rivals.map((row) => row.replace(/^.* \((--rival .*)\)/, '$1'))).toEqual(
      rival.flatMap((asked) => ['bottle', 'tile'].map((category) => `--rival ${asked} on ${category}`)),
    );
    const maps = await temporaryFolder();
    expect(await rowsOf({ row: ['residual'], maps: [`residual alone=${maps}`] })).toEqual([
      'residual alone (residual) on bottle',
      'residual alone (residual) on tile',
      'residual alone (--maps residual alone) on bottle',
      'residual alone (--maps residual alone) on tile',
    ]);
  });
});

describe('what is not as published', () => {
  const departures = async (more: Partial<ReproduceSettings>) =>
    departuresOf(await plan(more), { clicks: new Map(), detection: new Map() }).map(
      ({ what, how }) => `${what}: ${how}`,
    );

  test('rows of language say nothing where it has no part, and then none claims to ask without it', async () => {
    const made = await plan({ table: 'table7', preset: 'paper' });
    const missing = made.rows.filter(({ figures }) => 'missing' in figures).map(({ id }) => id);
    expect([...new Set(missing)]).toEqual(['pre-trained', 'fine-tuned']);
    const ofTable7 = async (preset: ReproduceSettings['preset']) =>
      (await departures({ table: 'table7', preset })).filter((text) => text.startsWith('language: '));
    expect(await ofTable7('small')).toHaveLength(1);
    expect(await ofTable7('paper')).toEqual([]);
    const one = await plan({ table: 'table1', preset: 'paper' });
    expect(one.rows.some(({ figures }) => 'missing' in figures)).toBe(false);
  });

  test('K, delta and how many good pictures detectors hold are those of what was made', async () => {
    const compared = { pictures: 60, of: 200, neighbours: 10, radius: 4 };
    const figures = { ap: 1, pro: 1, pauroc: 1, iauroc: 1, images: 1, defects: 1, picks: 'none' } as const;
    const said = async (more: Partial<ReproduceSettings>, holds: (category: string) => number) => {
      const made = await plan({ row: ['weak'], ...more });
      const answers = [...made.cells].map(
        ([name, { category }]) => [name, { ...figures, compared: { ...compared, pictures: holds(category) } }] as const,
      );
      const found = departuresOf(made, { clicks: new Map(), detection: new Map(answers) });
      return found.find(({ what }) => what === 'comparison')?.how;
    };
    const published = 'the published code has K = 50 and δ = 0.15 of the longer side.';
    expect(await said({}, () => 60)).toBe(
      `K = 10 good pictures, δ = 4 tokens; ${published} Detectors hold 60 of 200 good pictures.`,
    );
    expect(await said({ preset: 'paper' }, (category) => (category === 'tile' ? 6 : 200))).toBe(
      `bottle: K = 10 good pictures, δ = 4 tokens; tile: K = 6 good pictures, δ = 4 tokens; ${published} Detectors hold bottle: 200 of 200 good pictures; tile: 6 of 200 good pictures.`,
    );
  });

  test('detectors that are not pretrained say so', async () => {
    const said = 'pretraining of detectors: none: they begin with random weights.';
    expect(await departures({ preset: 'paper' })).toContain(said);
    expect(await departures({})).not.toContain(said);
  });

  test('the network is named with the backbone that is asked for', async () => {
    const network = async (more: Partial<ReproduceSettings>) =>
      (await departures({ table: 'table2', ...more })).find((text) => text.startsWith('network: '));
    expect(await network({})).toContain('on EfficientNet-Lite0 and MiniLM');
    expect(await network({ backbone: 'wide-resnet-50-2' })).toContain('on WideResNet-50 and MiniLM');
    expect(await network({ preset: 'paper' })).toContain('on EfficientNet-Lite0;');
  });
});

test.each<[what: string, code: string, more: Partial<ReproduceSettings>]>([
  ['a row that the table does not have', 'ADC_USAGE', { row: ['fine-tuned'] }],
  ['maps in a table of clicks', 'ADC_USAGE', { table: 'table1', maps: ['a=b'] }],
  ['masks from clicks in a table of detectors', 'ADC_USAGE', { rival: ['weights:x'] }],
  ['a rival of no kind', 'ADC_USAGE', { table: 'table1', rival: ['magic'] }],
  ['a rival twice', 'ADC_USAGE', { table: 'table1', rival: ['weights:adclick-small', 'weights:adclick-small'] }],
  ['a width of our own network', 'ADC_USAGE', { width: 64 }],
  ['shipped weights on another backbone', 'ADC_WEIGHTS_KIND', { table: 'table1', backbone: 'wide-resnet-50-2' }],
  [
    'a rival of another backbone',
    'ADC_WEIGHTS_KIND',
    { table: 'table1', preset: 'paper', backbone: 'wide-resnet-50-2', rival: ['weights:adclick-small'] },
  ],
  ['weights that are not there', 'ADC_WEIGHTS_MISSING', { table: 'table1', rival: ['weights:none'] }],
  ['maps without a name', 'ADC_USAGE', { maps: ['folder'] }],
  ['maps named twice', 'ADC_USAGE', { maps: ['a=.', 'a=..'] }],
  ['maps that are not there', 'ADC_FOLDER_MISSING', { maps: ['a=/nowhere'] }],
  ['a category that is not there', 'ADC_DATASET', { category: ['none'] }],
  ['a category without defects', 'ADC_DATASET', { category: ['empty'] }],
  ['no data', 'ADC_DATASET', { data: '/nowhere' }],
  ['nothing to pretrain on', 'ADC_USAGE', { table: 'table6', pretrain: true }],
])('%s is refused before anything is made', async (what, code, more) => {
  if (what === 'nothing to pretrain on') {
    const alone = await temporaryFolder();
    await makeCategory(alone, 'ksdd');
    await expect(plan({ ...more, data: alone })).rejects.toMatchObject({ code });
  } else await expect(plan(more)).rejects.toMatchObject({ code });
});
