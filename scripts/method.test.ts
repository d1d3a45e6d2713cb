/** Every equation of docs/method.md has one home in the code, and nothing points to notes that readers do not have. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, extname, join, posix, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const METHOD = 'docs/method.md';
/** The paper's numbers; what Eq. 1 says could not be recovered. */
const EQUATIONS = [2, 3, 4, 5, 6, 7, 8, 9, 10];

const SKIPPED = new Set(['node_modules', 'dist', 'page', 'models', 'fixtures', 'images']);
const TEXT = new Set(['.ts', '.tsx', '.md', '.py', '.css', '.html', '.yml']);

/** Text files of a folder, by their paths from the root. */
function textsIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : textsIn(path);
    return TEXT.has(extname(entry.name)) ? [path] : [];
  });
}

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const files = [...['packages', 'bench', 'scripts', 'docs'].flatMap(textsIn), 'README.md', 'CONTRIBUTING.md'];
const sources = files.filter((path) => /^packages\/.*\/src\/.*\.tsx?$/.test(path) && !path.endsWith('.test.ts'));
const method = read(METHOD);

interface Home {
  readonly equation: number;
  readonly path: string;
  readonly name: string;
}

/** The homes that the table of the document names. */
function homesOfTable(): Home[] {
  const rows = method.matchAll(/^\| (\d+) \|[^|]*\| \[[^\]]+\]\(([^)]+)\) \| `(\w+)` \|$/gm);
  return [...rows].map(([, equation, link, name]) => ({
    equation: Number(equation),
    path: posix.join('docs', link),
    name,
  }));
}

/** The exports whose comments carry a tag; a tag above anything else has no name. */
function homesOfCode(path: string): Home[] {
  return [
    ...read(path).matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n(?:export (?:async )?(?:const|function\*?) (\w+))?/g),
  ].flatMap(([, comment, name]) =>
    [...comment.matchAll(/@equation (\d+)/g)].map(([, equation]) => ({
      equation: Number(equation),
      path,
      name: name ?? 'nothing exported',
    })),
  );
}

const sorted = (homes: readonly Home[]): Home[] => [...homes].sort((a, b) => a.equation - b.equation);

/** What a heading is called in a link, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
const headings = (path: string): string[] => [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading);

describe('the method', () => {
  test('has one home for each equation, which the document names', () => {
    const homes = homesOfTable();
    expect(homes.map(({ equation }) => equation)).toEqual(EQUATIONS);
    expect(sorted(sources.flatMap(homesOfCode))).toEqual(homes);
  });

  test('has a section with a formula for each equation', () => {
    for (const equation of EQUATIONS)
      expect(method, `Eq. ${equation}`).toMatch(new RegExp(`^### Eq\\. ${equation}: .+\\n\\n\`\`\`math\\n`, 'm'));
  });

  test('names files and headings that are there', () => {
    for (const [, link] of method.matchAll(/\]\(([^)]+)\)/g)) {
      const [path, anchor] = link.split('#');
      const target = path === '' ? METHOD : relative(ROOT, resolve(ROOT, 'docs', path));
      const text = read(target);
      expect(text, link).not.toBe('');
      if (anchor !== undefined) expect(headings(target).map(anchorOf), link).toContain(anchor);
    }
    for (const path of files)
      for (const [, heading] of read(path).matchAll(/\(docs\/method\.md, ([^)]+)\)/g))
        expect(headings(METHOD), path).toContain(heading);
  });
});

test('nothing points to notes that readers do not have', () => {
  const notes = /\bspec [0-9]{2}\b|\(spec[:]|\b(?:recipe|engine|house|style|users|interfaces|libraries)[.]md\b/;
  const pointing = files.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, i) => (notes.test(line) ? [`${path}:${i + 1} ${line.trim()}`] : [])),
  );
  expect(pointing).toEqual([]);
});
