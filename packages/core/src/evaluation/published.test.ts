/** The published numbers agree with each other wherever two tables say the same, and every row fits its table. */
import { expect, test } from 'vitest';
import { MVTEC_COUNTS, PUBLISHED, TABLES } from './published.ts';

const rowsFor = (table: (typeof TABLES)[number], of: string, on = 'MVTec AD, mean of 15') =>
  PUBLISHED[table].rows.filter((row) => row.of === of && row.on === on).map(({ values }) => values);

test('every row has a value a column, in percent or lost, and a source', () => {
  for (const table of TABLES) {
    const { columns, rows } = PUBLISHED[table];
    expect(rows.length, table).toBeGreaterThan(3);
    for (const { method, values, source } of rows) {
      expect(values, `${table}, ${method}`).toHaveLength(columns.length);
      expect(source).not.toBe('');
      for (const value of values)
        if (value !== 'lost') expect(value > 20 && value < 100, `${table}, ${method}`).toBe(true);
    }
  }
});

test('the ablation of clicks ends with the rows of Table 1', () => {
  for (const id of ['pre-trained', 'fine-tuned']) expect(rowsFor('table7', id)).toEqual(rowsFor('table1', id));
});

test('the ablation of detectors ends with the rows of Tables 4 and 5', () => {
  const [last] = rowsFor('table8', 'pila');
  expect(rowsFor('table4', 'weak')).toEqual([last.slice(0, 3)]);
  expect(rowsFor('table5', 'weak')).toEqual([last.slice(3)]);
});

test('cells that no source has stay lost', () => {
  expect(rowsFor('table2', 'unsupervised')).toEqual([['lost', 'lost', 'lost']]);
  expect(rowsFor('table4', 'weak', 'carpet')).toEqual([[88.6, 'lost', 'lost']]);
});

test('MVTec AD has 15 categories of 5354 pictures', () => {
  const all = Object.values(MVTEC_COUNTS);
  const sum = (key: 'normals' | 'testGood' | 'defects') => all.reduce((total, each) => total + each[key], 0);
  expect([all.length, sum('normals'), sum('testGood'), sum('defects')]).toEqual([15, 3629, 467, 1258]);
  expect(MVTEC_COUNTS.bottle).toEqual({ normals: 209, testGood: 20, defects: 63, side: 900 });
  expect(MVTEC_COUNTS.screw.side).toBe(1024);
});
