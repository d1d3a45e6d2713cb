/** Detecting from the command line: projects without a trained detector, bad pictures, watched folders, files and figures. */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Detector, readImage, readRgb, writePng } from '@adclick/core';
import type { DetectionImageResult } from '@adclick/core/evaluation';
import { readImageSize } from '@adclick/core/image';
import { writeSampleProduct } from '@adclick/core/synthesis';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { PredictFailure, PredictLine, PredictResult } from '../src/detectors/predicting.ts';
import { adclick, errorCode } from './command.ts';

let data: string;
let project: string;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'adclick-detection-'));
  project = join(data, 'ring');
  const size = { width: 128, height: 128 };
  await writeSampleProduct(project, 'machined-ring', { normals: 12, testGoods: 3, defectsPerType: 3, ...size });
  expect((await adclick(['init', project, '--yes'])).code).toBe(0);
  const yaml = await readFile(join(project, 'adclick.yaml'), 'utf8');
  await writeFile(join(project, 'adclick.yaml'), yaml.replace('pixels: auto', 'pixels: 128'));
});
afterAll(() => rm(data, { recursive: true, force: true }));

const linesOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as PredictLine);
const detectors = async () => readdir(join(project, '.adclick', 'detectors'));

describe('adclick predict', () => {
  test('makes a detector of the good pictures once, tells what it finds a line a picture, and writes maps', async () => {
    const out = join(data, 'results');
    const ended = await adclick(['predict', join(project, 'test'), '--project', project, '--out', out]);
    expect(ended).toMatchObject({ code: 0 });
    const lines = linesOf(ended.stdout) as PredictResult[];
    const isGood = ({ image }: PredictResult) => image.includes('/good/');
    const [good, bad] = [lines.filter(isGood), lines.filter((line) => !isGood(line))];
    expect(good).toHaveLength(3);
    expect(bad.length).toBeGreaterThanOrEqual(8);
    const mean = (list: PredictResult[]) => list.reduce((sum, { score }) => sum + score, 0) / list.length;
    expect(mean(bad)).toBeGreaterThan(mean(good));
    const found = bad.find(({ isDefect }) => isDefect) as PredictResult;
    const { box, peak } = found.regions[0];
    expect(peak.x >= box.x && peak.x < box.x + box.width && peak.y >= box.y && peak.y < box.y + box.height).toBe(true);
    const map = await readImage(found.map as string);
    expect([map.width, map.height]).toEqual([found.width, found.height]);
    expect((map.data as Uint16Array)[peak.y * map.width + peak.x] / 65535).toBeCloseTo(peak.value, 3);
    expect(await readImageSize(found.overlay as string)).toMatchObject({ width: found.width, height: found.height });

    const [kept] = await detectors();
    const again = await adclick(['predict', found.image, '--project', project, '--json']);
    const { results, ...summary } = JSON.parse(again.stdout) as { results: PredictResult[] };
    expect(summary).toEqual({ pictures: 1, defective: 1, failed: 0, passedOver: [] });
    expect(results[0]).toMatchObject({ score: found.score, regions: found.regions });
    expect(await detectors()).toEqual([kept]);
  });

  test('a bad picture is told with its error, does not stop the others, and ends in 1', async () => {
    const folder = join(data, 'mixed');
    await mkdir(folder);
    const good = join(project, 'test/good/000.png');
    await copyFile(good, join(folder, 'a.png'));
    await writeFile(join(folder, 'b.png'), (await readFile(good)).subarray(0, 900));
    await writeFile(join(folder, 'c.png'), '');
    await copyFile(good, join(folder, 'd.png'));
    const ended = await adclick(['predict', folder, '--project', project]);
    expect(ended.code).toBe(1);
    const lines = linesOf(ended.stdout);
    expect(lines.map((line) => ('error' in line ? line.error.code : 'fine'))).toEqual([
      'fine',
      expect.stringMatching(/ADC_IMAGE_(TRUNCATED|UNREADABLE)/),
      'ADC_IMAGE_EMPTY',
      'fine',
    ]);
    expect((lines[1] as PredictFailure).error.next).not.toBe('');
  });

  test('--watch goes on with pictures that appear, until it is asked to stop', async () => {
    const folder = join(data, 'incoming');
    await mkdir(folder);
    await copyFile(join(project, 'test/good/000.png'), join(folder, 'first.png'));
    let stdout = '';
    const ended = adclick(['predict', folder, '--project', project, '--watch'], {
      started: (child) => {
        child.stdout?.on('data', (text: string) => (stdout += text));
        void (async () => {
          await vi.waitFor(() => expect(stdout.split('\n')).toHaveLength(2), { timeout: 60_000, interval: 50 });
          await copyFile(join(project, 'test/good/001.png'), join(folder, 'second.png'));
          await vi.waitFor(() => expect(stdout.split('\n')).toHaveLength(3), { timeout: 60_000, interval: 50 });
          child.kill('SIGINT');
        })();
      },
    });
    expect((await ended).code).toBe(130);
    expect(linesOf(stdout).map(({ image }) => image.slice(folder.length + 1))).toEqual(['first.png', 'second.png']);
  });

  test.each([
    ['a picture that is not there', ['nowhere.png'], 'ADC_IMAGE_MISSING'],
    ['a detector that is not there', ['PICTURE', '--detector', 'nowhere.onnx'], 'ADC_DETECTOR_MISSING'],
    ['a model that is not there', ['PICTURE', '--detector', 'nobody'], 'ADC_DETECTOR_MISSING'],
    ['another file as a detector', ['PICTURE', '--detector', 'OTHER'], 'ADC_DETECTOR_DAMAGED'],
    ['watching a file', ['PICTURE', '--watch'], 'ADC_USAGE'],
  ])('%s', async (_, args, code) => {
    const other = join(data, 'other.onnx');
    await writeFile(other, 'no model');
    const places: Record<string, string> = { PICTURE: join(project, 'test/good/000.png'), OTHER: other };
    const ended = await adclick(['predict', ...args.map((word) => places[word] ?? word), '--project', project]);
    expect(errorCode(ended)).toBe(code);
    expect(ended.stdout).toBe('');
  });
});

test('a detector file needs no project', async () => {
  const [name] = await detectors();
  const picture = join(project, 'test/good/000.png');
  const predict = async (...more: readonly string[]) => {
    const { results } = JSON.parse((await adclick(['predict', picture, ...more, '--json'])).stdout);
    return (results as PredictResult[]).map(({ score, category }) => ({ score, category }));
  };
  const file = join(project, '.adclick', 'detectors', name);
  expect(await predict('--detector', file)).toEqual(await predict('--project', project));
  expect(errorCode(await adclick(['predict', picture]))).toBe('ADC_USAGE');
  expect(errorCode(await adclick(['predict', picture, '--detector', 'nobody']))).toBe('ADC_USAGE');
});

test('pictures that differ from the good ones are told before they are counted as defects, until some are taken as good', async () => {
  const folder = join(data, 'dim');
  await mkdir(folder);
  // The same parts under a quarter of the light.
  const names = (await readdir(join(project, 'train/good'))).sort();
  for (const name of names) {
    const picture = await readRgb(join(project, 'train/good', name));
    await writePng(join(folder, name), { ...picture, data: picture.data.map((value) => value / 4) });
  }
  const predict = async (of: string) => {
    const ended = await adclick(['predict', of, '--project', project]);
    return { ...ended, lines: linesOf(ended.stdout) as PredictResult[] };
  };
  const usual = await predict(join(project, 'train/good'));
  expect(usual.lines.filter(({ differs }) => differs !== undefined)).toEqual([]);
  const dim = await predict(folder);
  expect(dim.lines.map(({ differs }) => differs !== undefined)).toEqual(names.map((_, i) => i >= 5));
  expect(dim.lines[11].differs).toMatch(
    /^12 of the last 12 pictures look stranger all over than nine in ten of the good pictures that the detector knows\. Expect about \d+ % false alarms; where they are good, `adclick adapt` takes them as good\.$/,
  );
  // Once, though every further line says it too.
  expect(dim.stderr.match(/adclick adapt/g)).toHaveLength(1);

  const copy = join(data, 'adapted.onnx');
  await copyFile(join(project, '.adclick', 'detectors', (await detectors())[0]), copy);
  for (const name of names.slice(0, 6)) await copyFile(join(folder, name), join(data, name));
  const taken = names.slice(0, 6).map((name) => join(data, name));
  const ended = await adclick(['adapt', ...taken, '--detector', copy]);
  expect(ended).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('6 pictures taken as good; thresholds: score 0.500 → 0.'),
  });
  const rest = names.slice(6).map((name) => join(folder, name));
  const { results } = JSON.parse((await adclick(['predict', ...rest, '--detector', copy, '--json'])).stdout);
  expect((results as PredictResult[]).filter(({ isDefect }) => isDefect).length).toBeLessThan(3);
  expect((results as PredictResult[]).filter(({ differs }) => differs !== undefined)).toEqual([]);
  expect(errorCode(await adclick(['adapt', folder]))).toBe('ADC_USAGE');
});

test('adclick models verify FILE: the same through every runtime at hand', async () => {
  const [name] = await detectors();
  const file = join(project, '.adclick', 'detectors', name);
  const ended = await adclick(['models', 'verify', file, '--json']);
  expect(ended.code).toBe(0);
  const check = JSON.parse(ended.stdout);
  expect(check).toMatchObject({ name: 'ring', ok: true, pictures: 3 });
  const web = check.runtimes.find(({ runtime }: { runtime: string }) => runtime === 'onnxruntime-web');
  expect(web.missing).toBeUndefined();
  expect(web.scores).toHaveLength(3);
  expect(check.difference).toBeLessThan(1e-3);
  const python = check.runtimes.find(({ runtime }: { runtime: string }) => runtime === 'onnxruntime (Python)');
  expect(python.missing ?? python.mapDifference).toBeDefined();
  const elsewhere = await adclick(['models', 'verify', file], { env: { ADCLICK_PYTHON: '/nowhere/python' } });
  expect(elsewhere.stdout).toContain(
    '(Python)  not asked: there is no /nowhere/python; ADCLICK_PYTHON names one\nthe same everywhere\n',
  );
  const damaged = (await readFile(file)).fill(7, 5000, 5100);
  await writeFile(join(data, 'damaged.onnx'), damaged);
  expect(errorCode(await adclick(['models', 'verify', join(data, 'damaged.onnx')]))).toBe('ADC_DETECTOR_DAMAGED');
});

test('adclick evaluate detection: figures of the residual, and the same ones of its file', async () => {
  const common = [
    'evaluate',
    'detection',
    '--data',
    data,
    '--category',
    'ring',
    '--pixels',
    '128',
    '--leave-out',
    '2',
    '--json',
  ];
  const page = join(data, 'report.html');
  const maps = join(data, 'maps');
  const ended = await adclick([...common, '--labels', '0', '--report', page, '--maps', maps]);
  expect(ended.code).toBe(0);
  const { msPerImage, ...answer } = JSON.parse(ended.stdout);
  expect(answer).toMatchObject({ category: 'ring', from: 'residual', images: answer.defects + 3 });
  const { ap, pro, pauroc, iauroc, decisions } = answer;
  expect(answer.unsupervised).toEqual({ ap, pro, pauroc, iauroc, decisions });
  expect(answer.pictures).toHaveLength(answer.images);
  const missed = answer.pictures.filter((one: DetectionImageResult) => one.defective && !one.isDefect).length;
  expect(decisions.missed).toBeCloseTo(missed / answer.defects, 10);
  const counted = decisions.types.reduce((sum: number, { pictures }: { pictures: number }) => sum + pictures, 0);
  expect(counted).toBe(answer.defects);
  expect(answer.ap).toBeGreaterThan(0.05);
  expect(answer.pauroc).toBeGreaterThan(0.8);
  expect(msPerImage.p95).toBeGreaterThanOrEqual(msPerImage.p50);
  expect(await readFile(page, 'utf8')).toContain('Hardest defects');

  // The maps that it wrote give the same figures to the last digit, which every reader of TIFF could make.
  const ofMaps = ['evaluate', 'maps', '--data', data, '--category', 'ring', '--maps', maps, '--leave-out', '2'];
  const measured = JSON.parse((await adclick([...ofMaps, '--json'])).stdout);
  for (const figure of ['ap', 'pro', 'pauroc', 'iauroc', 'images', 'defects', 'byType', 'decisions'])
    expect([figure, measured[figure]]).toEqual([figure, answer[figure]]);
  expect(measured.pictures).toEqual(answer.pictures.map(({ ms, ...picture }: DetectionImageResult) => picture));
  expect(measured.maps).toEqual({ folder: join(maps, 'ring'), resized: 0, scores: 'file' });
  expect(measured.notes).toEqual([]);
  const [first] = answer.pictures as DetectionImageResult[];
  const written = join(maps, 'ring/test', first.type, `${first.name}.tiff`);
  expect(await readImage(written)).toMatchObject({ width: 128, height: 128, channels: 1, type: 'float' });
  const told = await adclick(ofMaps);
  expect(told.stdout).toMatch(/^ring: .+\nmap +AP +PRO +pixel +image AUROC \(%\)\nall /);
  expect(errorCode(await adclick([...common, '--labels', '0', '--maps', maps]))).toBe('ADC_MAPS_EXIST');
  await rm(written);
  const missing = await adclick(ofMaps);
  expect(errorCode(missing)).toBe('ADC_MAPS');
  expect(missing.stdout).toBe('');

  const [name] = await detectors();
  const file = join(project, '.adclick', 'detectors', name);
  const kept = JSON.parse((await adclick([...common, '--weights', file])).stdout);
  expect(kept.ap).toBeCloseTo(answer.ap, 2);
  const detector = await Detector.load(file);
  expect(detector.card.reference).toMatchObject({ pictures: 12, of: 12 });
  await detector.close();
});
