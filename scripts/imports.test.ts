/** The layout of the code, held against its imports: no circles, and every room knows only those that stand below it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { circles, type Imports, importsOf, ROOT, roomsOf } from './imports.ts';

const IMPORTS = importsOf(['tsconfig.json', 'packages/annotator/tsconfig.json']);

/**
 * What each room may import beyond itself and the files at the top of its own package. `core` stands for what @adclick/core offers,
 * `ortgrad` likewise. CONTRIBUTING.md explains the rooms.
 */
const MAY: Readonly<Record<string, readonly string[]>> = {
  'ortgrad/ops': [],

  'core/image': ['ortgrad'],
  'core/datasets': ['core/image'],
  'core/language': ['ortgrad'],
  'core/features': ['ortgrad', 'core/image'],
  'core/residual': ['ortgrad', 'core/image', 'core/features'],
  'core/networks': ['ortgrad', 'core/features', 'core/language'],
  'core/clicks': ['ortgrad', 'core/image', 'core/features', 'core/residual', 'core/networks'],
  'core/synthesis': ['core/image'],
  'core/inference': [
    ...['ortgrad', 'core/image', 'core/features', 'core/residual', 'core/language', 'core/networks', 'core/clicks'],
  ],
  'core/evaluation': ['core/image', 'core/datasets', 'core/clicks', 'core/inference'],
  'core/training': [
    ...['ortgrad', 'core/image', 'core/datasets', 'core/language', 'core/features', 'core/residual', 'core/networks'],
    ...['core/clicks', 'core/synthesis', 'core/inference', 'core/evaluation'],
  ],

  'core/exports': ['core'],

  'studio/history': ['core'],
  'studio/store': ['core', 'ortgrad', 'studio/history'],
  'studio/jobs': ['ortgrad'],
  'studio/project': ['core', 'ortgrad', 'studio/store', 'studio/jobs'],
  'studio/engine': ['core', 'ortgrad', 'studio/history', 'studio/jobs', 'studio/project'],
  'studio/exchange': ['core', 'ortgrad', 'studio/jobs', 'studio/project', 'studio/engine'],
  'studio/prompts': ['core', 'ortgrad', 'studio/jobs', 'studio/project'],
  'studio/labels': ['core', 'studio/history', 'studio/store', 'studio/jobs', 'studio/project', 'studio/exchange'],
  'studio/queue': [
    ...['core', 'studio/history', 'studio/store', 'studio/jobs', 'studio/project', 'studio/engine', 'studio/labels'],
  ],
  'studio/detectors': [
    ...['core', 'ortgrad', 'studio/history', 'studio/store', 'studio/jobs', 'studio/project', 'studio/engine'],
    ...['studio/exchange', 'studio/prompts', 'studio/queue'],
  ],
  'studio/workbench': [
    ...['core', 'ortgrad', 'studio/store', 'studio/jobs', 'studio/project', 'studio/engine', 'studio/prompts'],
    'studio/detectors',
  ],
  'studio/server': [
    'core',
    'ortgrad',
    'studio/store',
    'studio/jobs',
    'studio/project',
    'studio/labels',
    'studio/queue',
  ],
  'studio/cli': [
    ...['core', 'ortgrad', 'studio/store', 'studio/jobs', 'studio/project', 'studio/engine', 'studio/exchange'],
    ...['studio/prompts', 'studio/detectors', 'studio/workbench', 'studio/server/listen.ts'],
  ],

  'annotator/api': ['studio/api.ts'],
  'annotator/raster': ['core/exports/geometry.ts', 'studio/api.ts'],
  'annotator/state': ['core/exports/geometry.ts', 'studio/api.ts', 'annotator/api', 'annotator/raster'],
  'annotator/canvas': [
    'core/exports/geometry.ts',
    'studio/api.ts',
    'annotator/api',
    'annotator/raster',
    'annotator/state',
  ],
  'annotator/tools': ['core/exports/geometry.ts', 'annotator/raster', 'annotator/state', 'annotator/canvas'],
  'annotator/actions': ['core/exports/geometry.ts', 'annotator/raster', 'annotator/state', 'annotator/tools'],
  'annotator/ui': [
    ...[
      'core/exports/geometry.ts',
      'studio/api.ts',
      'annotator/api',
      'annotator/raster',
      'annotator/state',
      'annotator/canvas',
    ],
    ...['annotator/tools', 'annotator/actions'],
  ],
};

/** Floors, lowest first: files at the top of a package compose its rooms, and know floors below by their entries. */
const FLOORS = ['ortgrad', 'core', 'studio', 'annotator'];

/** `packages/studio/src/store/images.ts` as `studio/store/images.ts`. */
const short = (file: string) => file.replace(/^packages\/([^/]+)\/src\//, '$1/');
const packageOf = (path: string) => path.split('/')[0];
/** The room of a short path; undefined for a file at the top of its package. */
const roomOf = (path: string) => (path.split('/').length > 2 ? path.split('/').slice(0, 2).join('/') : undefined);

/** Arrows that the table does not allow. */
function forbidden(imports: Imports): string[] {
  const found: string[] = [];
  for (const [file, targets] of imports)
    for (const target of targets) {
      const [from, to] = [short(file), short(target)];
      if (!mayKnow(from, to)) found.push(`${from} -> ${to}`);
    }
  return found;
}

function mayKnow(from: string, to: string): boolean {
  const room = roomOf(from);
  if (room === undefined) return FLOORS.indexOf(packageOf(to)) <= FLOORS.indexOf(packageOf(from));
  if (roomOf(to) === room) return true;
  const allowed = MAY[room];
  if (allowed === undefined) return false;
  if (roomOf(to) === undefined && packageOf(to) === packageOf(from)) return true;
  return allowed.some((place) => to === place || to.startsWith(`${place}/`));
}

test('only ortgrad adds raw operators to a graph: the others build it of named ops, which know their shapes', () => {
  const raw = [...IMPORTS.keys()].filter((file) => /\bgraph\.node\(/i.test(readFileSync(join(ROOT, file), 'utf8')));
  expect(raw.filter((file) => !file.startsWith('packages/ortgrad/'))).toEqual([]);
  expect(raw).not.toEqual([]);
});

test('no file reaches itself by its imports', () => {
  expect(circles(IMPORTS)).toEqual([]);
});

test('no room reaches itself by its imports', () => {
  expect(circles(roomsOf(IMPORTS))).toEqual([]);
});

test('every room knows only those that the table names, and the table names only rooms that are there', () => {
  expect(forbidden(IMPORTS)).toEqual([]);
  const rooms = new Set([...IMPORTS.keys()].map((file) => roomOf(short(file))).filter(Boolean));
  expect(Object.keys(MAY).sort()).toEqual([...rooms].sort());
});

test.each([
  ['onnxruntime', /from '(onnxruntime[^']*)'|import\('(onnxruntime[^']*)'\)/, ['ortgrad/session.ts']],
  ['picture codecs', /from '(sharp|fast-png|fast-bmp|utif2?)'/, ['core/image/codec.ts']],
  ['HTTP', /from '(fastify|@fastify\/[^']*)'/, 'studio/server/'],
  ['SQL', /from '(kysely|libsql)'/, 'studio/store/'],
])('%s is imported in its own place alone', (_, pattern, place) => {
  const files = [...IMPORTS.keys()].filter((file) => pattern.test(readFileSync(join(ROOT, file), 'utf8'))).map(short);
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((file) => (typeof place === 'string' ? !file.startsWith(place) : !place.includes(file)))).toEqual(
    [],
  );
});

test('a circle and a forbidden arrow would be found', () => {
  const made = new Map([
    ['packages/core/src/image/a.ts', new Set(['packages/core/src/training/b.ts'])],
    ['packages/core/src/training/b.ts', new Set(['packages/core/src/training/c.ts'])],
    ['packages/core/src/training/c.ts', new Set(['packages/core/src/image/a.ts'])],
  ]);
  expect(circles(made)).toHaveLength(1);
  expect(circles(roomsOf(made))).toEqual([['packages/core/src/image', 'packages/core/src/training']]);
  expect(forbidden(made)).toEqual(['core/image/a.ts -> core/training/b.ts']);
});
