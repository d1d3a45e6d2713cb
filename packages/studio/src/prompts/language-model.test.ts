import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { languageServer, lists, phrases, says, sends } from '../../test/language-server.ts';
import { askForPrompts, type LanguageModelSettings, languageModelOf, phrasesIn } from './language-model.ts';

const ask = (baseURL: string, more: Partial<LanguageModelSettings> = {}, signal?: AbortSignal) =>
  askForPrompts({ baseURL, model: 'tiny', timeout: 5, allowed: true, ...more }, 'dent', 'part', signal);

const refused = (what: RegExp) => ({ code: 'ADC_LANGUAGE_MODEL', message: expect.stringMatching(what) });

test('sends the instruction of Eq. 5 with model and key, and nothing that other environment variables or the client say', async () => {
  vi.stubEnv('OPENAI_API_KEY', 'sk-of-somebody-else');
  vi.stubEnv('OPENAI_ADMIN_KEY', 'sk-of-an-admin');
  vi.stubEnv('OPENAI_BASE_URL', 'http://elsewhere.invalid');
  vi.stubEnv('OPENAI_ORG_ID', 'org');
  vi.stubEnv('OPENAI_CUSTOM_HEADERS', 'x-secret: of somebody else');
  const { baseURL, asked } = await languageServer(lists(phrases(100)));
  expect(await ask(baseURL, { key: 'secret' })).toEqual({ phrases: phrases(100), dropped: 0 });
  vi.unstubAllEnvs();
  expect(asked).toHaveLength(1);
  const [{ path, headers, body }] = asked as [(typeof asked)[0]];
  expect(path).toBe('/v1/chat/completions');
  expect(headers.authorization).toBe('Bearer secret');
  expect(headers['user-agent']).toMatch(/^adclick\/[\d.]+$/);
  const ours = ['accept', 'authorization', 'content-type', 'user-agent'];
  const ofHttp = ['accept-encoding', 'accept-language', 'connection', 'content-length', 'host', 'sec-fetch-mode'];
  expect(
    Object.keys(headers)
      .filter((name) => !ofHttp.includes(name))
      .sort(),
  ).toEqual(ours);
  expect(Object.keys(body).sort()).toEqual(['messages', 'model']);
  expect(body.model).toBe('tiny');
  for (const part of ['100', 'dent', 'part', 'lowercase', '{"part":{"dent":['])
    expect(body.messages[0]?.content).toContain(part);
});

test('without a key none is sent', async () => {
  const { baseURL, asked } = await languageServer(lists(phrases(50)));
  await ask(baseURL);
  expect(asked[0]?.headers).not.toHaveProperty('authorization');
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

  test.each([
    ['another server', 307],
    ['another server', 302],
    ['itself', 308],
  ])('sends on to %s with %i: it is not followed', async (where, status) => {
    const other = await languageServer(lists(phrases(50)));
    const place = where === 'itself' ? '/v2/chat/completions' : `${other.baseURL}/chat/completions`;
    const { baseURL, asked } = await languageServer(sends(status, '', { location: place }), lists(phrases(50)));
    const [origin] = (where === 'itself' ? baseURL : other.baseURL).split('/v1');
    await expect(ask(baseURL, { key: 'secret' })).rejects.toMatchObject(
      refused(new RegExp(`sends requests on to ${origin};`)),
    );
    expect([asked.length, other.asked.length]).toEqual([1, 0]);
  });

  test('what it says cannot command a terminal', async () => {
    const { baseURL } = await languageServer(
      sends(401, JSON.stringify({ error: { message: 'no\u001b]0;me\u0007\u202eon' } })),
    );
    await expect(ask(baseURL)).rejects.toMatchObject(refused(/401 no\?\]0;me\?\?on$/));
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
    expect(languageModelOf(named, {})).toEqual({ ...named.languageModel, allowed: true });
    const environment = {
      ADCLICK_LLM_URL: 'https://api.example.com/v1',
      ADCLICK_LLM_MODEL: 'big',
      ADCLICK_LLM_KEY: 'k\n',
    };
    expect(languageModelOf({}, environment)).toEqual({
      baseURL: 'https://api.example.com/v1',
      model: 'big',
      timeout: 120,
      allowed: true,
      key: 'k',
    });
    expect(languageModelOf(named, { ADCLICK_LLM_MODEL: 'other' })).toMatchObject({ model: 'other', timeout: 9 });
  });

  test.each([
    [{ ADCLICK_LLM_URL: 'http://localhost/v1' }, /go together/],
    [{ ADCLICK_LLM_URL: 'localhost', ADCLICK_LLM_MODEL: 'x' }, /must be an address/],
    [{ ADCLICK_LLM_URL: 'file:///etc', ADCLICK_LLM_MODEL: 'x' }, /must be an address/],
    [{ ADCLICK_LLM_URL: 'http://me:secret@host/v1', ADCLICK_LLM_MODEL: 'x' }, /without a name or key in it\.?$/],
    [
      { ADCLICK_LLM_URL: 'http://host/v1', ADCLICK_LLM_MODEL: 'x', ADCLICK_LLM_KEY: 'sec\nret' },
      /^ADCLICK_LLM_KEY must be one word/,
    ],
  ])('%o is wrong usage', (environment, message) => {
    expect(() => languageModelOf({}, environment)).toThrow(message);
  });

  const from = (baseURL: string, environment: NodeJS.ProcessEnv = {}) => {
    const settings = { languageModel: { baseURL, model: 'tiny', timeout: 9 } };
    const { allowed, key, keyWithheld } = languageModelOf(settings, { ADCLICK_LLM_KEY: 'k', ...environment }) ?? {};
    return { allowed, key, keyWithheld };
  };
  const refusedThere = { allowed: false, key: undefined, keyWithheld: true };
  const allowedThere = { allowed: true, key: 'k', keyWithheld: undefined };

  test.each([
    'http://localhost:11434/v1',
    'http://LOCALHOST/v1',
    'http://127.0.0.1:8000/v1',
    'http://[::1]:8000/v1',
    'http://2130706433/v1',
  ])('%s of a project file is asked, being this computer, but without the key', (baseURL) => {
    expect(from(baseURL)).toEqual({ allowed: true, key: undefined, keyWithheld: true });
    expect(from(baseURL, { ADCLICK_LLM_ALLOW: baseURL })).toEqual(allowedThere);
  });

  test.each([
    'http://192.168.1.9:11434/v1',
    'https://api.example.com/v1',
    'http://127.0.0.1.example.com/v1',
    'http://localhost.example.com/v1',
    'http://localhost./v1',
    'http://0.0.0.0:11434/v1',
    'http://[::ffff:10.0.0.1]/v1',
    'http://example.com#@localhost/v1',
    'http://example.com\\@localhost/v1',
  ])('%s of a project file is not', (baseURL) => {
    expect(from(baseURL)).toEqual(refusedThere);
  });

  const ALLOW = 'https://llm.factory.example/v1, http://10.0.0.5:8000 http://[fd00::1]:9000/';
  test.each([
    'https://llm.factory.example/v1',
    'https://LLM.Factory.Example:443/other/path',
    'http://10.0.0.5:8000/v1',
    'http://[FD00:0::1]:9000/v1',
  ])('%s is allowed, and gets the key, by its origin', (baseURL) => {
    expect(from(baseURL, { ADCLICK_LLM_ALLOW: ALLOW })).toEqual(allowedThere);
  });

  test.each([
    'http://llm.factory.example/v1',
    'https://llm.factory.example:8443/v1',
    'https://llm.factory.example./v1',
    'https://llm.factory.example.evil.example/v1',
    'https://evil.example/llm.factory.example/v1',
    'https://evil-llm.factory.example/v1',
    'https://sub.llm.factory.example/v1',
    'https://llm.factory.ехаmple/v1',
    'http://10.0.0.5/v1',
    'http://10.0.0.50:8000/v1',
    'http://[fd00::1]:9001/v1',
    'http://[fd00::2]:9000/v1',
  ])('%s is not', (baseURL) => {
    expect(from(baseURL, { ADCLICK_LLM_ALLOW: ALLOW })).toEqual(refusedThere);
  });

  test('an address of the environment needs no other word', () => {
    const environment = { ADCLICK_LLM_URL: 'https://mine.example/v1' };
    expect(from('https://evil.example/v1', environment)).toEqual(allowedThere);
    expect(languageModelOf(named, { ...environment, ADCLICK_LLM_KEY: 'k' })?.baseURL).toBe('https://mine.example/v1');
  });

  test.each(['llm.factory.example', 'https://me:pw@host', '*'])('ADCLICK_LLM_ALLOW=%s is wrong usage', (list) => {
    expect(() => from('https://host/v1', { ADCLICK_LLM_ALLOW: list })).toThrow(/ADCLICK_LLM_ALLOW must be an address/);
  });

  test('what is not allowed is not asked', async () => {
    const { baseURL, asked } = await languageServer(lists(phrases(50)));
    await expect(ask(baseURL, { allowed: false })).rejects.toMatchObject({
      code: 'ADC_LANGUAGE_MODEL_ADDRESS',
      message: expect.stringContaining(new URL(baseURL).origin),
      next: expect.stringContaining(`ADCLICK_LLM_ALLOW=${new URL(baseURL).origin} `),
    });
    expect(asked).toHaveLength(0);
  });

  test('a server that wants the key which it was not sent: the line says so', async () => {
    const { baseURL } = await languageServer(sends(401, '{"error":{"message":"no key"}}'));
    const what = new RegExp(
      `401 no key; the key was not sent, ADCLICK_LLM_ALLOW=${new URL(baseURL).origin} sends it there$`,
    );
    await expect(ask(baseURL, { keyWithheld: true })).rejects.toMatchObject(refused(what));
  });
});
