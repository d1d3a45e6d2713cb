/** What the doctor says of a version of Node.js, and that everything else says the same. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { judgeNode, TESTED_NAMES, TESTED_NODES } from './node-support.ts';

const DAY = new Date('2026-11-29T12:00:00Z');
const root = new URL('../../../../', import.meta.url);

test.each(['22.12.0', '22.23.5', '24.0.0', '24.22.3', '26.12.1'])(
  '%s is tested and alive: nothing is said',
  (version) => {
    expect(judgeNode(version, DAY)).toEqual({});
  },
);

test('a version has its last day, and is warned of from the next', () => {
  expect(judgeNode('20.19.0', new Date('2026-04-30T23:59:59Z'))).toEqual({});
  expect(judgeNode('20.19.0', new Date('2026-05-01T00:00:00Z'))).toEqual({
    warning:
      'Node.js 20.19.0 has had no security updates since 2026-04-30: install Node.js 26, which does until 2029-04-30',
  });
  expect(judgeNode('24.1.0', new Date('2028-05-01')).warning).toContain('2028-04-30');
  // Nothing that is over is recommended.
  expect(judgeNode('26.12.1', new Date('2029-05-01')).warning).toMatch(/2029-04-30: install a version that does$/);
});

test.each([
  ['18.20.8', '20.19'],
  ['20.18.3', '20.19'],
  ['22.11.0', '22.12'],
  ['0.10.48', '20.19'],
])('%s is too old: a problem that names what is needed', (version, wanted) => {
  const { problem, warning } = judgeNode(version, DAY);
  expect(problem).toBe(`Node.js ${version} is too old: install Node.js 26, or at least ${wanted}`);
  expect(warning).toBeUndefined();
});

test.each([
  ['21.7.3', /^Node.js 21.7.3 is a short-lived version/],
  ['25.9.0', /^Node.js 25.9.0 is a short-lived version/],
  ['27.0.0', /^Node.js 27.0.0 is newer than .* \(20.19, 22, 24, 26\)/],
  ['30.1.0-nightly20281101abcdef', /newer/],
])('%s is not tested: a warning, no problem', (version, expected) => {
  const { problem, warning } = judgeNode(version, DAY);
  expect(problem).toBeUndefined();
  expect(warning).toMatch(expected);
});

test('engines, README and the workflow name the versions that are tested', async () => {
  const ranges = TESTED_NODES.map(({ major, minor }) => `^${major}${minor === 0 ? '' : `.${minor}`}`);
  const engines = ranges.join(' || ').replace(/\^(?=\d+$)/, '>=');
  for (const folder of ['', 'packages/ortgrad/', 'packages/core/', 'packages/studio/']) {
    const manifest = JSON.parse(await readFile(new URL(`${folder}package.json`, root), 'utf8'));
    expect(manifest.engines.node).toBe(engines);
  }
  const [oldest, ...others] = TESTED_NAMES;
  const said = `${oldest}, ${others.slice(0, -1).join(', ')} and ${others.at(-1)}`;
  expect(await readFile(new URL('README.md', root), 'utf8')).toContain(`Node.js ${said}`);
  const workflow = await readFile(new URL('.github/workflows/ci.yml', root), 'utf8');
  expect(workflow).toContain(`node: ['${oldest}', ${others.map((each) => `'${each}'`).join(', ')}]`);
});
