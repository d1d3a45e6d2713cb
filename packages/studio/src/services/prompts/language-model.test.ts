import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { languageServer, lists, phrases, says, sends } from '../../../test/language-server.ts';
import { askForPrompts, type LanguageModelSettings, languageModelOf, phrasesIn } from './language-model.ts';

const ask = (baseURL: string, more: Partial<LanguageModelSettings> = {}, signal?: AbortSignal) =>
  askForPrompts({ baseURL, model: 'tiny', timeout: 5, ...more }, 'dent', 'part', signal);

const refused = (what: RegExp) => ({ code: 'ADC_LANGUAGE_MODEL', message: expect.stringMatching(what) });

test('sends the instruction of Eq. 5 with model and key, and nothing that other environment variables say', async () => {
  vi.stubEnv('OPENAI_API_KEY', 'sk-of-somebody-else');
  vi.stubEnv('OPENAI_BASE_URL', 'http://elsewhere.invalid');
  vi.stubEnv('OPENAI_ORG_ID', 'org');
  const { baseURL, asked } = await languageServer(lists(phrases(100)));
  expect(await ask(baseURL, { key: 'secret' })).toEqual({ phrases: phrases(100), dropped: 0 });
  vi.unstubAllEnvs();
  expect(asked).toHaveLength(1);
  const [{ path, headers, body }] = asked as [(typeof asked)[0]];
  expect(path).toBe('/v1/chat/completions');
  expect(headers.authorization).toBe('Bearer secret');
  expect(headers['openai-organization']).toBeUndefined();
  expect(body.model).toBe('tiny');
  for (const part of ['100', 'dent', 'part', 'lowercase', '{"part":{"dent":['])
    expect(body.messages[0]?.content).toContain(part);
});

describe('answers', () => {
  const json = JSON.stringify({ part: { dent: phrases(3) } });
  test.each([
    ['JSON alone', json],
    ['a fenced block', `\`\`\`json\n${json}\n\`\`\``],
    ['prose around', `Sure! Here are your phrases:\n${json}\nLet me know {if} you need more`.replace('{if} ', '')],
    ['prose around a fenced block', `Of course {really}.\n\`\`\`\n${json}\n\`\`\`\nDone }`],
    ['other keys', JSON.stringify({ 'the part': { Dents: phrases(3) } })],
  ])('%s are read', (_, text) => {
    expect(phrasesIn(text, 'dent', 'part')).toEqual(phrases(3));
  });

  test.each([
    ['cut off', json.slice(0, -9)],
    ['a bare list', JSON.stringify(phrases(3))],
    ['two lists under other names', '{"a":{"x":["b"],"y":["c"]}}'],
    ['phrases as one text', '{"part":{"dent":"dent on the part"}}'],
    ['no JSON', 'I cannot help with that.'],
  ])('%s are not', (_, text) => {
    expect(phrasesIn(text, 'dent', 'part')).toBeUndefined();
  });

  test('phrases that were not asked for are dropped and counted', async () => {
    const good = phrases(40);
    const bad = [
      'Dent on the Part',
      'dent on the bottle',
      'part',
      7,
      null,
      'dent on the part 凹',
      good[0],
      `${'very '.repeat(20)}dented part`,
    ];
    const { baseURL } = await languageServer(lists([...bad, ...good]));
    // The repeated one was taken where it stood first.
    const { phrases: kept, dropped } = await ask(baseURL);
    expect([...kept].sort()).toEqual([...good].sort());
    expect(dropped).toBe(8);
  });

  test('too few valid ones are asked for again, and all together are the answer', async () => {
    const { baseURL, asked } = await languageServer(lists(phrases(10)), lists(phrases(25)));
    expect((await ask(baseURL)).phrases).toEqual(phrases(25));
    expect(asked).toHaveLength(2);
  });

  test('what the first answer gave stays when the second never comes', async () => {
    const { baseURL } = await languageServer(lists(phrases(10)), sends(400, '{"error":{"message":"no"}}'));
    expect((await ask(baseURL)).phrases).toEqual(phrases(10));
  });
});

describe('a server that misbehaves', () => {
  test('500 and 429 are tried again, after the pause that the server asks for', async () => {
    const { baseURL, asked } = await languageServer(
      sends(500, '{"error":{"message":"out of memory"}}'),
      sends(429, '{"error":{"message":"slow down"}}', { 'retry-after': '1' }),
      lists(phrases(40)),
    );
    expect((await ask(baseURL)).phrases).toHaveLength(40);
    const pauses = asked.slice(1).map(({ at }, i) => at - (asked[i]?.at ?? 0));
    expect(pauses[0]).toBeGreaterThan(450);
    expect(pauses[1]).toBeGreaterThan(950);
  });

  test('a pause of an hour is not waited for', async () => {
    const { baseURL, asked } = await languageServer(
      sends(429, '{"error":{"message":"quota"}}', { 'retry-after': '3600' }),
    );
    await expect(ask(baseURL)).rejects.toMatchObject(refused(/quota/));
    expect(asked).toHaveLength(1);
  });

  test.each([
    [
      'refuses the key',
      sends(401, '{"error":{"message":"Incorrect API key"}}'),
      /tiny at http:\/\/127.*401 Incorrect API key/,
      1,
    ],
    ['does not know the model', sends(404, '{"error":{"message":"model tiny not found"}}'), /model tiny not found/, 1],
    ['always fails', sends(503, 'down', { 'retry-after': '0' }), /503/, 3],
    ['is cut off in its JSON', sends(200, '{"choices":[{"message":{"conte'), /not JSON/, 3],
    ['is a web page', sends(200, '<html>', { 'content-type': 'text/html' }), /no chat completion/, 3],
    ['has another shape', sends(200, '{"choices":[]}'), /no chat completion/, 3],
    ['has no text', sends(200, '{"choices":[{"message":{"content":null}}]}'), /no chat completion/, 3],
    ['is huge', sends(200, `{"x":"${'a'.repeat(2_000_000)}"}`), /more than 1048576 bytes/, 1],
    ['talks', says('I am sorry, I cannot.'), /no JSON of phrases: "I am sorry/, 2],
    ['gives no phrases', lists([]), /list of phrases is empty/, 2],
    ['gives useless phrases', lists(['Dent!']), /none can be used; of the last, it is not lowercase/, 2],
  ])('%s: one error that says so', async (_, behaviour, what, requests) => {
    const { baseURL, asked } = await languageServer(behaviour);
    await expect(ask(baseURL)).rejects.toMatchObject(refused(what));
    expect(asked).toHaveLength(requests);
  });

  test.each([
    ['never answers', () => undefined],
    ['stops in the middle', (response: { write(text: string): void }) => response.write('{"choices":[')],
  ])('%s: the time-out ends it', async (_, behaviour) => {
    const { baseURL, asked } = await languageServer(behaviour as Parameters<typeof languageServer>[0]);
    const started = performance.now();
    await expect(ask(baseURL, { timeout: 0.2 })).rejects.toMatchObject(refused(/no whole answer within 0.2 s/));
    expect(asked).toHaveLength(3);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test('nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await expect(ask(`http://127.0.0.1:${port}/v1`)).rejects.toMatchObject(refused(/ECONNREFUSED/));
  });

  test.each([
    ['an answer', () => undefined],
    ['a pause', sends(429, '{}', { 'retry-after': '50' })],
  ])('Ctrl-C while waiting for %s ends at once', async (_, behaviour) => {
    const { baseURL, asked } = await languageServer(behaviour);
    const controller = new AbortController();
    const asking = ask(baseURL, {}, controller.signal);
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    const reason = new Error('stopped');
    setTimeout(() => controller.abort(reason), 50);
    const started = performance.now();
    await expect(asking).rejects.toSatisfy((error: Error) => error === reason || error.cause === reason);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('languageModelOf', () => {
  const named = { languageModel: { baseURL: 'http://localhost:11434/v1', model: 'llama', timeout: 9 } };
  test('takes adclick.yaml, then the environment over it, the key from the environment alone', () => {
    expect(languageModelOf({}, {})).toBeUndefined();
    expect(languageModelOf(named, {})).toEqual({ ...named.languageModel, key: undefined });
    const environment = {
      ADCLICK_LLM_URL: 'https://api.example.com/v1',
      ADCLICK_LLM_MODEL: 'big',
      ADCLICK_LLM_KEY: 'k',
    };
    expect(languageModelOf({}, environment)).toEqual({
      baseURL: 'https://api.example.com/v1',
      model: 'big',
      timeout: 120,
      key: 'k',
    });
    expect(languageModelOf(named, { ADCLICK_LLM_MODEL: 'other' })).toMatchObject({ model: 'other', timeout: 9 });
  });

  test.each([
    [{ ADCLICK_LLM_URL: 'http://localhost/v1' }, /go together/],
    [{ ADCLICK_LLM_URL: 'localhost', ADCLICK_LLM_MODEL: 'x' }, /must be an address/],
    [{ ADCLICK_LLM_URL: 'file:///etc', ADCLICK_LLM_MODEL: 'x' }, /must be an address/],
    [{ ADCLICK_LLM_URL: 'http://me:secret@host/v1', ADCLICK_LLM_MODEL: 'x' }, /without a name or key in it\.?$/],
  ])('%o is wrong usage', (environment, message) => {
    expect(() => languageModelOf({}, environment)).toThrow(message);
  });
});
