/** `adclick reproduce`: tables on disk and in a document, a cell that fails, and one that was damaged. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSampleProduct } from '@adclick/core/synthesis';
import { beforeEach, expect, test } from 'vitest';
import type { ReproduceAnswer } from '../src/workbench/reproduce/reproduce.ts';
import { adclick, errorCode } from './command.ts';
import { temporaryFolder } from './sample.ts';

let data: string;
let to: string;
beforeEach(async () => {
  [data, to] = [await temporaryFolder(), await temporaryFolder()];
  const size = { width: 128, height: 128 };
  await writeSampleProduct(join(data, 'ring'), 'machined-ring', {
    ...{ normals: 4, testGoods: 2, defectsPerType: 4, ...size },
  });
});

const residual = (...more: readonly string[]) => {
  const words = ['--data', data, '--to', to, '--row', 'residual', '--pixels', '128', '--limit', '3'];
  return adclick(['reproduce', 'table4', ...words, ...more]);
};
const cellOf = async (kind: string) => {
  const name = (await readdir(join(to, 'cells'))).find((each) => each.startsWith(kind)) ?? expect.fail(kind);
  return join(to, 'cells', name, 'cell.json');
};

test('writes the table three times and into a document, and a second run takes what is there', async () => {
  const document = join(to, 'tables.md');
  await writeFile(
    document,
    '# Mine `<!-- begin table4 -->`\n\n<!-- begin table4 -->\nold\n<!-- end table4 -->\n\nAfter.\n',
  );
  const ended = await residual('--json', '--document', document);
  expect(ended).toMatchObject({ code: 0 });
  const answer = JSON.parse(ended.stdout) as ReproduceAnswer;
  expect(answer).toMatchObject({
    table: 'table4',
    cells: 2,
    failed: [],
    command: expect.stringContaining('--limit 3'),
  });
  expect(answer.command).not.toContain('--to');
  const [row] = answer.rows;
  expect(row).toMatchObject({ of: 'residual', on: 'ring' });
  expect(row.values.every((value) => value !== undefined && value > 0 && value <= 1)).toBe(true);

  const markdown = await readFile(join(to, 'table4.md'), 'utf8');
  expect(markdown).toContain(`| ${row.values.map((value = 0) => (100 * value).toFixed(1)).join(' | ')} | here |`);
  expect(markdown).toContain('at most 3 of each kind');
  // A grid of 16 tokens, four good pictures.
  expect(markdown).toContain(
    '- comparison: K = 4 good pictures, δ = 1 token; the published code has K = 50 and δ = 0.15',
  );
  expect(markdown).toContain(`minutes of computing, ${answer.machine}.`);
  expect(answer.machine).toContain(process.versions.node);
  expect(JSON.parse(await readFile(join(to, 'table4.json'), 'utf8'))).toMatchObject({ rows: answer.rows });
  expect(await readFile(join(to, 'table4.html'), 'utf8')).toContain('residual alone');
  const text = await readFile(document, 'utf8');
  expect(text).toMatch(
    /^# Mine `<!-- begin table4 -->`\n\n<!-- begin table4 -->\n## Table 4: [\s\S]*<!-- end table4 -->\n\nAfter\.\n$/,
  );
  expect(text).not.toContain('old');

  const before = await readFile(await cellOf('detection'), 'utf8');
  const again = JSON.parse((await residual('--json')).stdout) as ReproduceAnswer;
  expect(again.rows).toEqual(answer.rows);
  expect(await readFile(await cellOf('detection'), 'utf8')).toBe(before);
});

test('a document of a folder that is not there is refused before anything is made', async () => {
  const ended = await residual('--document', join(to, 'nowhere', 'tables.md'));
  expect([ended.code, errorCode(ended)]).toEqual([1, 'ADC_FOLDER_MISSING']);
  expect(await readdir(to)).toEqual([]);
});

test('the command that is told can be pasted', async () => {
  const ended = await residual('--json', '--row', 'residual', '--maps', `a|b's=${await temporaryFolder()}`);
  expect((JSON.parse(ended.stdout) as ReproduceAnswer).command).toMatch(/--maps 'a\|b'\\''s=/);
});

test('a cell that fails is said, the others are made, and the exit code tells', async () => {
  const ended = await residual('--json', '--maps', `other=${await temporaryFolder()}`);
  expect(ended.code).toBe(1);
  const { failed, rows, notes } = JSON.parse(ended.stdout) as ReproduceAnswer;
  expect(failed).toMatchObject([{ code: 'ADC_MAPS', text: 'maps of ring' }]);
  expect(rows.map(({ method, note }) => [method, note])).toEqual([
    ['residual alone', undefined],
    ['other', 'failed'],
  ]);
  expect(notes.join()).toContain('ADC_MAPS');
  const told = await residual('--maps', `other=${await temporaryFolder()}`);
  expect(told.code).toBe(1);
  expect(told.stdout).toMatch(/^failed: maps of ring: ADC_MAPS: .+\. .+$/m);
});

test('a result that something has damaged is named, not used', async () => {
  expect((await residual()).code).toBe(0);
  const cell = await cellOf('detection');
  await writeFile(cell, (await readFile(cell, 'utf8')).replace('"ap"', '"AP"'));
  const ended = await residual();
  expect(errorCode(ended), ended.stderr).toBe('ADC_CELL');
  expect(ended.stderr).toContain('ap: ');
});

test.each([
  ['a table that there is not', ['reproduce', 'table9', '--data', 'x'], 'table8'],
  ['steps of none', ['reproduce', 'table1', '--data', 'x', '--steps', '0'], 'number'],
])('%s: one ADC_USAGE line, exit 2', async (_, args, said) => {
  const ended = await adclick(args);
  expect(errorCode(ended), ended.stderr).toBe('ADC_USAGE');
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain(said);
});

test('the published networks are pretrained, label, and are trained on these labels', async () => {
  const size = { width: 128, height: 128 };
  await writeSampleProduct(join(data, 'screw'), 'screw', {
    ...{ normals: 4, testGoods: 2, defectsPerType: 4, ...size },
  });
  const words = ['--data', data, '--to', to, '--category', 'ring', '--preset', 'paper', '--width', '32'];
  const few = ['--row', 'weak', '--steps', '0.001', '--pixels', '128', '--limit', '2', '--json'];
  const ended = await adclick(['reproduce', 'table4', ...words, ...few]);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const { rows, departures } = JSON.parse(ended.stdout) as ReproduceAnswer;
  expect(rows).toMatchObject([
    { of: 'weak', on: 'ring', values: [expect.any(Number), expect.any(Number), expect.any(Number)] },
  ]);
  expect(departures.map(({ what }) => what)).toEqual(expect.arrayContaining(['width', 'backbone', 'steps']));
  const kinds = (await readdir(join(to, 'cells'))).map((name) => name.split('-')[0]).sort();
  expect(kinds).toEqual(['detection', 'detector', 'labels', 'pretrain']);
});
