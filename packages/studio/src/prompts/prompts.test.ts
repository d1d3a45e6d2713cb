import { mkdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { offlinePrompts } from '@adclick/core/language';
import { describe, expect, test } from 'vitest';
import { languageServer, lists, phrases } from '../../test/language-server.ts';
import { makeProject } from '../../test/sample.ts';
import type { Project } from '../project/project.ts';
import { promptPath, readPrompts } from './prompt-file.ts';
import { PromptService } from './prompts.ts';

const withModel = (project: Project, baseURL: string): Project => ({
  ...project,
  settings: { ...project.settings, languageModel: { baseURL, model: 'tiny', timeout: 5 } },
});

test('the grammar writes forty for every type, and what is kept stays until it is to be replaced', async () => {
  const service = new PromptService(await makeProject(), async () => ['dent', 'stain']);
  const made = (type: string) => ({ category: 'part', type, by: 'grammar', phrases: 40, dropped: 0, added: 0 });
  expect(await service.generate({ type: 'dent' })).toEqual({ made: [made('dent')], kept: 0 });
  await service.edit('dent', { remove: [offlinePrompts('dent', 'part')[3]] });
  expect(await service.generate({})).toEqual({ made: [made('scratch'), made('stain')], kept: 1 });
  const sets = await service.list();
  expect(sets.map(({ type, phrases }) => [type, phrases.length])).toEqual([
    ['dent', 39],
    ['scratch', 40],
    ['stain', 40],
  ]);
  expect((await service.generate({ type: 'dent', replace: true })).made).toEqual([made('dent')]);
  expect(await service.phrases('part', 'dent')).toEqual(offlinePrompts('dent', 'part'));
  expect(await service.phrases('part', 'good')).toEqual(offlinePrompts('good', 'part'));
});

test('a language model writes them, the grammar adds what is missing to forty, --offline asks nobody', async () => {
  const { baseURL, asked } = await languageServer(
    lists(phrases(100)),
    lists([...phrases(9, 'part', 'scratch'), 'Oops'], 'part', 'scratch'),
  );
  const service = new PromptService(withModel(await makeProject(), baseURL));
  const { made } = await service.generate({});
  expect(made).toEqual([
    { category: 'part', type: 'dent', by: 'tiny', phrases: 100, dropped: 0, added: 0 },
    { category: 'part', type: 'scratch', by: 'tiny', phrases: 40, dropped: 11, added: 31 },
  ]);
  // The mean takes forty of the hundred.
  expect(await service.phrases('part', 'dent')).toEqual(phrases(40));
  const requests = asked.length;
  await service.generate({ replace: true, offline: true });
  expect(asked).toHaveLength(requests);
  expect(await service.phrases('part', 'dent')).toEqual(offlinePrompts('dent', 'part'));
});

test('a model that fails at the second type leaves the first kept', async () => {
  const { baseURL } = await languageServer(lists(phrases(40)), (response) => response.writeHead(401).end('{}'));
  const service = new PromptService(withModel(await makeProject(), baseURL));
  await expect(service.generate({})).rejects.toMatchObject({ code: 'ADC_LANGUAGE_MODEL' });
  expect((await service.list()).map(({ by }) => by)).toEqual(['tiny', '']);
});

describe('editing by hand', () => {
  test('adds in front, tidied, and deletes; all of it or nothing', async () => {
    const service = new PromptService(await makeProject());
    await service.edit('dent', { add: ['  Deep   dent on the PART '] });
    const after = await service.edit('dent', { add: ['flat spot on the part'], remove: ['DEEP dent on the part'] });
    expect(after).toEqual({ category: 'part', type: 'dent', by: 'hand', phrases: ['flat spot on the part'] });
    const refused = service.edit('dent', { add: ['good one on the part'], remove: ['never was here'] });
    await expect(refused).rejects.toMatchObject({
      code: 'ADC_PROMPT',
      message: expect.stringContaining('never was here'),
    });
    expect((await service.list('part', 'dent'))[0]?.phrases).toEqual(['flat spot on the part']);
  });

  test.each([
    ['dent', /1 words/],
    ['a '.repeat(17), /17 words/],
    ['凹み on the part', /no Latin letter/],
    ['12 34', /no letters/],
    [`dent ${'x'.repeat(50)}`, /more than 40 letters/],
  ])('%s is refused', async (phrase, what) => {
    const service = new PromptService(await makeProject());
    await expect(service.edit('dent', { add: [phrase] })).rejects.toMatchObject({
      code: 'ADC_PROMPT',
      message: expect.stringMatching(what),
    });
  });

  test('a prompt twice, the last one, an unknown type, a type of several categories', async () => {
    const project = await makeProject();
    const service = new PromptService(project);
    await service.edit('dent', { add: ['dent on the part'] });
    const code = (work: Promise<unknown>) =>
      work.then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
    expect(await code(service.edit('dent', { add: ['Dent on the part'] }))).toBe('ADC_PROMPT');
    expect(await code(service.edit('dent', { remove: ['dent on the part'] }))).toBe('ADC_PROMPT');
    expect(await code(service.edit('constructor', { add: ['dent on the part'] }))).toBe('ADC_DEFECT_TYPE');
    expect(await code(service.list('elsewhere'))).toBe('ADC_PROJECT');
    const { part } = project.settings.categories;
    const two = { ...project, settings: { ...project.settings, categories: { part: part, lid: part } } };
    expect(await code(new PromptService(two).edit('dent', { add: ['dent on the lid'] }))).toBe('ADC_USAGE');
    expect(await code(new PromptService(two).edit('dent', { add: ['dent on the lid'] }, 'lid'))).toBe('done');
    expect((await service.list('part', 'dent'))[0]?.phrases).toEqual(['dent on the part']);
  });

  test('many at once lose nothing', async () => {
    const service = new PromptService(await makeProject());
    const names = Array.from({ length: 20 }, (_, i) => `dent number ${i} on the part`);
    await Promise.all(names.map((phrase) => service.edit('dent', { add: [phrase] })));
    expect([...(await service.list('part', 'dent'))[0].phrases].sort()).toEqual([...names].sort());
  });

  test('a type that is renamed keeps its prompts, also one called constructor', async () => {
    const service = new PromptService(await makeProject(), async () => ['constructor']);
    expect((await service.list('part', 'constructor'))[0]?.phrases).toEqual([]);
    await service.edit('dent', { add: ['dent on the part'] });
    await service.rename('dent', 'constructor');
    expect(await service.list()).toMatchObject([
      { type: 'dent', phrases: [] },
      { type: 'scratch', phrases: [] },
      { type: 'constructor', phrases: ['dent on the part'] },
    ]);
  });
});

describe('a file edited to nonsense', () => {
  const kept = (phrases: string) =>
    `{\n "version": 1,\n "prompts": {\n  "part": {\n   "dent": {\n    "by": "x",\n    "phrases": ${phrases}\n   }\n  }\n }\n}`;
  test.each([
    ['cut off', kept('[]').slice(0, -8), 'JSON', /line 9|line 8/],
    ['an empty list', kept('[]'), 'prompts.part.dent.phrases', /line 7/],
    ['a number among phrases', kept('["dent on the part",\n     7]'), 'prompts.part.dent.phrases.1', /line 8/],
    ['a phrase that is none', kept('["dent"]'), 'prompts.part.dent.phrases.0', /1 words/],
    ['a phrase twice', kept('["a dent", "a dent"]'), 'prompts.part.dent.phrases', /twice/],
    ['an unknown field', kept('["a dent"],\n    "prhases": []'), 'prompts.part.dent.prhases', /line 8/],
    ['another version', '{"version": 2, "prompts": {}}', 'version', /line 1/],
    ['text', 'hello', 'the whole file', /line 1/],
    ['nothing', '', 'the whole file', /line 1/],
  ])('%s: names line and field, and is not overwritten', async (_, text, field, message) => {
    const project = await makeProject();
    const path = promptPath(project.root);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    const service = new PromptService(project);
    for (const work of [
      () => service.list(),
      () => service.generate({}),
      () => service.edit('dent', { add: ['a dent here'] }),
    ])
      await expect(work()).rejects.toMatchObject({
        code: 'ADC_PROMPT_FILE',
        details: expect.objectContaining({ field }),
        message: expect.stringMatching(message),
      });
    expect(await readFile(path, 'utf8')).toBe(text);
  });
});

describe('the file', () => {
  test('is parsed once a change, whoever makes it and however', async () => {
    const project = await makeProject();
    const path = promptPath(project.root);
    await new PromptService(project).edit('dent', { add: ['round dent on the part'] });
    const long = (seconds: number) => utimes(path, seconds, seconds);
    await long(1_000_000);
    const first = await readPrompts(project.root);
    expect(await readPrompts(project.root)).toBe(first);
    // Another process replaces it, or somebody edits it in place, to as many bytes.
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('round', 'oblong').replace('the part', 'th part'));
    expect((await new PromptService(project).phrases('part', 'dent'))[0]).toBe('oblong dent on th part');
    await long(1_000_001);
    const second = await readPrompts(project.root);
    expect(await readPrompts(project.root)).toBe(second);
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
    expect((await new PromptService(project).phrases('part', 'dent'))[0]).toBe('round dent on the part');
    await rm(path);
    expect(await readPrompts(project.root)).toEqual({ version: 1, prompts: {} });
  });

  test('one that was changed a moment ago may be changed again within the tick of the clock', async () => {
    const project = await makeProject();
    await new PromptService(project).edit('dent', { add: ['round dent on the part'] });
    const first = await readPrompts(project.root);
    expect(await readPrompts(project.root)).not.toBe(first);
  });

  test('what somebody wrote while the model was asked stays', async () => {
    const project = await makeProject();
    const other = new PromptService(project);
    const { baseURL } = await languageServer((response) => {
      const written = other.edit('dent', { add: ['round dent on the part'] });
      void written.then(() => lists(phrases(40))(response));
    });
    const report = await new PromptService(withModel(project, baseURL)).generate({ type: 'dent' });
    expect(report).toEqual({ made: [], kept: 1 });
    expect(await other.phrases('part', 'dent')).toEqual(['round dent on the part']);
  });
});
