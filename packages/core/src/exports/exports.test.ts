/** What the package offers: every entry is in package.json, every name has one entry, and the page's entry is fit for a browser. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const subjects = readdirSync(import.meta.dirname)
  .filter((file) => !file.endsWith('.test.ts'))
  .map((file) => file.slice(0, -3));
const entries = new Map([
  ['.', 'src/index.ts'],
  ['./errors', 'src/errors.ts'],
  ...subjects.map((subject) => [`./${subject}`, `src/exports/${subject}.ts`] as const),
]);
const source = (path: string) => readFileSync(join(root, path), 'utf8');

test('every entry is in package.json, from source, with types, and built', () => {
  const { exports } = JSON.parse(source('package.json')) as { exports: Record<string, unknown> };
  const wanted = [...entries].map(([name, path]) => {
    const built = `./dist/${name === '.' ? 'index' : name.slice(2)}`;
    return [name, { '@adclick/source': `./${path}`, types: `${built}.d.ts`, default: `${built}.js` }];
  });
  expect(exports).toEqual({ ...Object.fromEntries(wanted), './package.json': './package.json' });
});

/** Names that a file of an entry passes on. */
const namesOf = (text: string) =>
  [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, names]) =>
    names.split(',').flatMap((name) => name.trim().replace(/^type /, '') || []),
  );

test('every name has one entry', () => {
  const names = [...entries.values()].flatMap((path) => namesOf(source(path)));
  expect(names.length).toBeGreaterThan(100);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

/** The files that a file needs to run, itself included. @throws what is not of this package. */
function needs(path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const [, from] of readFileSync(path, 'utf8').matchAll(/^(?:import|export) (?!type )[^;]*?from '([^']+)';/gm)) {
    if (!from.startsWith('.')) throw new Error(`${path} needs ${from}`);
    needs(join(dirname(path), from), seen);
  }
  return seen;
}

test('geometry runs in browsers: it needs nothing but files of its own, and few', () => {
  const files = needs(join(import.meta.dirname, 'geometry.ts'));
  expect([...files].every(existsSync)).toBe(true);
  expect(files.size).toBeLessThan(10);
});
