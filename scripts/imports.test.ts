/** The layout of the code, held against its imports: no circles, and every room knows only those that stand below it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { circles, type Imports, importsOf, ROOT, roomsOf } from './imports.ts';

const IMPORTS = importsOf(['tsconfig.json', 'packages/annotator/tsconfig.json']);

/** Floors, lowest first: each knows those below it. */
const FLOORS = ['ortgrad', 'core', 'studio', 'annotator'];

/** Rooms of each floor, lowest first: each knows those below it, and the files at the top of its package. CONTRIBUTING.md explains them. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  ortgrad: ['ops'],
  core: [
    ...['image', 'datasets', 'language', 'features', 'residual', 'networks', 'clicks', 'synthesis'],
    ...['checkpoints', 'inference', 'rivals', 'evaluation', 'training', 'exports'],
  ],
  studio: [
    ...['history', 'store', 'jobs', 'project', 'engine', 'exchange', 'prompts', 'labels', 'queue', 'detectors'],
    ...['workbench', 'server', 'cli'],
  ],
  annotator: ['api', 'raster', 'state', 'canvas', 'tools', 'actions', 'ui'],
};

/** What stands further down and is still not to be known. Patterns of arrows between short paths. */
const NEVER: readonly RegExp[] = [
  // The page knows the server by what they agree on, and of core what runs in a browser.
  /^annotator\/\S+ -> (?:ortgrad|studio\/(?!api\.ts$)|core\/(?!image\/|exports\/geometry\.ts$))/,
  // Commands know of the server how to start it.
  /^studio\/cli\/\S+ -> studio\/server\/(?!listen\.ts$)/,
  // Other packages are used as those who install them do.
  /^studio\/\S+ -> core\/(?!index\.ts$|errors\.ts$|exports\/)/,
  /^(?:studio|core)\/\S+ -> ortgrad\/(?!index\.ts$)/,
];

/** `packages/studio/src/store/images.ts` as `studio/store/images.ts`. */
const short = (file: string) => file.replace(/^packages\/([^/]+)\/src\//, '$1/');
const packageOf = (path: string) => path.split('/')[0];
/** The room of a short path; undefined for a file at the top of its package. */
const roomOf = (path: string) => (path.split('/').length > 2 ? path.split('/')[1] : undefined);

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
  if (NEVER.some((pattern) => pattern.test(`${from} -> ${to}`))) return false;
  const [floor, other] = [packageOf(from), packageOf(to)];
  if (floor !== other) return FLOORS.indexOf(other) < FLOORS.indexOf(floor);
  const [room, known] = [roomOf(from), roomOf(to)];
  if (room === undefined || known === undefined || room === known) return true;
  return ROOMS[floor].indexOf(known) < ROOMS[floor].indexOf(room);
}

test('no file reaches itself by its imports', () => {
  expect(circles(IMPORTS)).toEqual([]);
});

test('no room reaches itself by its imports', () => {
  expect(circles(roomsOf(IMPORTS))).toEqual([]);
});

test('every room knows only those below it, and all rooms have their place', () => {
  expect(forbidden(IMPORTS)).toEqual([]);
  for (const floor of FLOORS) {
    const rooms = [...IMPORTS.keys()].map(short).filter((file) => packageOf(file) === floor);
    expect([...new Set(rooms.map(roomOf))].filter((room) => room !== undefined).sort()).toEqual(
      [...ROOMS[floor]].sort(),
    );
  }
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
