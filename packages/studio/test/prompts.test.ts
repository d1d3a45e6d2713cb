/** `adclick prompts` as a process. */
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { adclick, errorCode } from './command.ts';
import { languageServer, lists, phrases } from './language-server.ts';
import { makeProject } from './sample.ts';

const CLEAN = { ADCLICK_LLM_URL: '', ADCLICK_LLM_MODEL: '', ADCLICK_LLM_KEY: '', ADCLICK_LLM_ALLOW: '' };
const prompts = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  adclick(['prompts', ...args], { env: { ...CLEAN, ...env } });

test('generate, list and edit', async () => {
  const { root } = await makeProject();
  const made = await prompts(['generate', root]);
  expect(made.code, made.stderr).toBe(0);
  expect(made.stdout).toContain('part / dent: 40 prompts by grammar\npart / scratch: 40 prompts by grammar\n');
  const edited = await prompts(['edit', root, '--type', 'dent', '--add', 'Shallow dent on the part', '--json']);
  expect(JSON.parse(edited.stdout)).toMatchObject({ added: 1, deleted: 0, type: 'dent' });
  const listed = await prompts(['list', root, '--type', 'dent', '--json']);
  const [set] = JSON.parse(listed.stdout).prompts;
  expect([set.phrases.length, set.phrases[0]]).toEqual([41, 'shallow dent on the part']);
  const again = await prompts(['generate', root]);
  expect(again.stdout).toContain('2 types have prompts already; --force replaces them');
});

test('a language model of adclick.yaml, with its key from the environment where the user allows it', async () => {
  const { root } = await makeProject();
  const { baseURL, asked } = await languageServer(lists(phrases(50)));
  await appendFile(join(root, 'adclick.yaml'), `languageModel:\n  baseURL: ${baseURL}\n  model: tiny\n`);
  const environment = { ADCLICK_LLM_KEY: 'secret', ADCLICK_LLM_ALLOW: new URL(baseURL).origin };
  const made = await prompts(['generate', root, '--type', 'dent', '--json'], environment);
  expect(JSON.parse(made.stdout).made).toMatchObject([{ type: 'dent', by: 'tiny', phrases: 50 }]);
  expect(asked[0]?.headers.authorization).toBe('Bearer secret');
  const offline = await prompts(['generate', root, '--type', 'dent', '--offline', '--force', '--json']);
  expect(JSON.parse(offline.stdout).made).toMatchObject([{ by: 'grammar' }]);
  expect(asked).toHaveLength(1);
});

test('what goes wrong is one line with its code', async () => {
  const { root } = await makeProject();
  const nobody = { ADCLICK_LLM_URL: 'http://127.0.0.1:9/v1', ADCLICK_LLM_MODEL: 'tiny' };
  const [down, half, type, nothing, phrase] = await Promise.all([
    prompts(['generate', root], nobody),
    prompts(['generate', root], { ADCLICK_LLM_MODEL: 'tiny' }),
    prompts(['list', root, '--type', 'rust']),
    prompts(['edit', root, '--type', 'dent']),
    prompts(['edit', root, '--type', 'dent', '--add', 'dent']),
  ]);
  const ends = [down, half, type, nothing, phrase].map((ended) => [errorCode(ended), ended.code]);
  expect(ends).toEqual([
    ['ADC_LANGUAGE_MODEL', 1],
    ['ADC_USAGE', 2],
    ['ADC_DEFECT_TYPE', 1],
    ['ADC_USAGE', 2],
    ['ADC_PROMPT', 1],
  ]);
  await appendFile(join(root, 'adclick.yaml'), 'languageModel:\n  baseURL: localhost\n  model: tiny\n');
  const wrong = await prompts(['generate', root]);
  expect(wrong.stderr).toMatch(/ADC_PROJECT: .*languageModel.baseURL: must be an address such as/);
  await writeFile(join(root, 'adclick.yaml'), 'categories:\n  part:\n    good: [train/good]\n    defects: [凹み]\n');
  expect(errorCode(await prompts(['generate', root]))).toBe('ADC_PROMPT_NAME');
});
