/** Nothing leaves this computer, and nothing is written where nobody asked for it. `npm run test:offline` traces every command as well. */
import { execFile } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { writeSampleProduct } from '@adclick/core/synthesis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Job } from '../../src/api.ts';
import { detectLayout } from '../../src/project/layout.ts';
import { openProject, PROJECT_FILE, writeProject } from '../../src/project/project.ts';
import { createApp } from '../../src/server/app.ts';
import { adclick, errorCode, NODE_ARGUMENTS } from '../command.ts';
import { languageServer, lists, phrases, sends } from '../language-server.ts';
import { hostsIn, loadsFrom, policyFaults } from '../outside.ts';
import { makeProject, openStudio, temporaryFolder } from '../sample.ts';

const PACKAGES = fileURLToPath(new URL('../../..', import.meta.url));

/** Names of all files of a folder, however deep. */
async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}

describe('the home folder', () => {
  let root: string;
  let home: string;
  let file: string;
  beforeAll(async () => {
    root = join(await mkdtemp(join(tmpdir(), 'adclick-home-')), 'ring');
    [home, file] = [join(root, '../home'), join(root, '../a-file')];
    await mkdir(home);
    await writeFile(file, '');
    const drawn = { normals: 3, testGoods: 1, defectsPerType: 1, width: 128, height: 128 };
    await writeSampleProduct(root, 'machined-ring', drawn);
    const { categories } = await detectLayout(root);
    await writeProject(join(root, PROJECT_FILE), { categories: { ...categories }, pixels: 128 });
    const indexed = await adclick(['index', root], { env: { HOME: '/dev/null/x' } });
    expect(indexed.code, indexed.stderr).toBe(0);
  });

  afterAll(() => rm(join(root, '..'), { recursive: true, force: true }));

  /** Labels a picture, which runs models in a worker thread. */
  const label = (env: NodeJS.ProcessEnv) => {
    const [picture, mask] = [join(root, 'test/good/000.png'), join(root, '../mask.png')];
    const args = ['label', picture, '--project', root, '--click', '60,60,+', '--out', mask, '--json'];
    return adclick(args, { cwd: root, env: { ...env, CI: undefined, GITHUB_ACTIONS: undefined } });
  };

  test.each([
    ['is below a device', () => ({ HOME: '/dev/null/x' })],
    ['is a file', () => ({ HOME: file })],
    ['is in a file system of the kernel', () => ({ HOME: '/proc/adclick' })],
    ['is not named', () => ({ HOME: undefined })],
  ])('%s: nobody notices', async (_, env) => {
    const ended = await label(env());
    expect(ended.code, ended.stderr).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ share: expect.any(Number) });
    expect(ended.stderr).toBe('');
  });

  test.each([undefined, '0'])('is left empty where ORT_DISABLE_TELEMETRY is %s', async (setting) => {
    const temporary = join(root, '../tmp');
    await mkdir(temporary, { recursive: true });
    const before = await filesOf(root);
    const ended = await label({
      HOME: home,
      TMPDIR: temporary,
      ORT_DISABLE_TELEMETRY: setting,
      XDG_CACHE_HOME: undefined,
    });
    expect(ended.code, ended.stderr).toBe(0);
    expect(await filesOf(home)).toEqual([]);
    expect((await filesOf(temporary)).filter((path) => !path.includes('tsx-'))).toEqual([]);
    const made = (await filesOf(root)).filter((path) => !before.includes(path)).map((path) => relative(root, path));
    expect(made.filter((path) => !path.startsWith('.adclick'))).toEqual([]);
  });
});

describe('a temporary folder that cannot be written', () => {
  test.each(['/dev/null/x'])('%s: demo says so', async (TMPDIR) => {
    // Without tsx, which has a cache there, the command would have to be built.
    const ended = await adclick(['demo', '--no-serve', '--no-train'], { env: { TMPDIR, TSX_DISABLE_CACHE: '1' } });
    expect(errorCode(ended)).toBe('ADC_DISK');
    expect(ended.stderr).toContain(join(TMPDIR, 'adclick-demo-'));
  });
});

describe('a project file of somebody else that names a language model', () => {
  const SECRET = 'sk-secret-of-the-user';
  const generate = (root: string, env: NodeJS.ProcessEnv = {}, ...more: string[]) => {
    const clean = { ADCLICK_LLM_URL: '', ADCLICK_LLM_MODEL: '', ADCLICK_LLM_ALLOW: '', ADCLICK_LLM_KEY: SECRET };
    return adclick(['prompts', 'generate', root, '--type', 'dent', ...more], { env: { ...clean, ...env } });
  };
  const naming = async (baseURL: string): Promise<string> => {
    const { root } = await makeProject();
    const settings = JSON.stringify({ baseURL, model: 'tiny' });
    await appendFile(join(root, 'adclick.yaml'), `languageModel: ${settings}\n`);
    return root;
  };

  test.each([
    ['http://192.0.2.1:11434/v1', 'http://192.0.2.1:11434'],
    ['HTTPS://LLM.Example.INVALID/v1', 'https://llm.example.invalid'],
    ['http://evil.invalid\\@localhost/v1', 'http://evil.invalid'],
  ])('on another computer, %s: is not asked, and the line says how to allow it', async (baseURL, origin) => {
    const root = await naming(baseURL);
    const ended = await generate(root);
    expect([errorCode(ended), ended.code]).toEqual(['ADC_LANGUAGE_MODEL_ADDRESS', 1]);
    expect(ended.stderr).toContain(`names ${origin},`);
    expect(ended.stderr).toContain(`ADCLICK_LLM_ALLOW=${origin} `);
    expect(ended.stderr).not.toContain(SECRET);
  });

  test('the grammar writes prompts all the same', async () => {
    const offline = await generate(await naming('http://192.0.2.1/v1'), {}, '--offline');
    expect(offline.code, offline.stderr).toBe(0);
    expect(offline.stdout).toContain('by grammar');
  });

  test.each([
    ['nothing', () => ({}), undefined],
    ['another port', (port: number) => ({ ADCLICK_LLM_ALLOW: `http://127.0.0.1:${port + 1}` }), undefined],
    [
      'it',
      (port: number) => ({ ADCLICK_LLM_ALLOW: `http://10.0.0.1, http://127.0.0.1:${port}/v1` }),
      `Bearer ${SECRET}`,
    ],
  ])(
    'on this computer, where the user allows %s: asked, the key goes only where it is allowed',
    async (_, allow, key) => {
      const { baseURL, asked } = await languageServer(lists(phrases(50)));
      const ended = await generate(await naming(baseURL), allow(Number(new URL(baseURL).port)));
      expect(ended.code, ended.stderr).toBe(0);
      expect(asked.map(({ headers }) => headers.authorization)).toEqual([key]);
    },
  );

  test('a server that sends on to another one is not followed there', async () => {
    const other = await languageServer(lists(phrases(50)));
    const { baseURL } = await languageServer(sends(307, '', { location: `${other.baseURL}/chat/completions` }));
    const ended = await generate(await naming(baseURL), { ADCLICK_LLM_ALLOW: baseURL });
    expect(errorCode(ended)).toBe('ADC_LANGUAGE_MODEL');
    expect(ended.stderr).toContain(new URL(other.baseURL).origin);
    expect(other.asked).toEqual([]);
  });

  test('asked for from the page, the job says why not', async () => {
    const root = await naming('http://192.0.2.1/v1');
    const studio = await openStudio(await openProject(root));
    const app = await createApp(studio);
    const request = { method: 'POST', url: '/api/v1/jobs', headers: { host: 'localhost' } } as const;
    const started = await app.inject({ ...request, payload: { kind: 'prompts', type: 'dent' } });
    const { id } = started.json<Job>();
    const end = async () => {
      const jobs = await app.inject({ method: 'GET', url: '/api/v1/jobs', headers: { host: 'localhost' } });
      return jobs.json<{ jobs: Job[] }>().jobs.find((job) => job.id === id);
    };
    await expect.poll(async () => (await end())?.state).toBe('failed');
    expect((await end())?.result).toMatch(/^ADC_LANGUAGE_MODEL_ADDRESS: .*http:\/\/192\.0\.2\.1,/);
    await app.close();
  });
});

describe('the page', () => {
  test('may load from its own server alone, whatever it is asked for', async () => {
    const page = await temporaryFolder();
    await writeFile(join(page, 'index.html'), '<p>page</p>');
    const app = await createApp(await openStudio(await makeProject()), { page });
    for (const url of [
      '/',
      '/index.html',
      '/nowhere',
      '/api/v1/health',
      '/api/v1/nowhere',
      '/api/v1/images/1/picture',
    ]) {
      const { headers } = await app.inject({ method: 'GET', url, headers: { host: 'localhost' } });
      expect(policyFaults(headers['content-security-policy'] as string), url).toEqual([]);
      expect(headers['referrer-policy'], url).toBe('no-referrer');
      expect(headers['x-dns-prefetch-control'], url).toBe('off');
    }
    await app.close();
  });

  test.each([
    ["default-src 'self' https://cdn.example", ["default-src 'self' https://cdn.example"]],
    ["default-src 'self'; script-src *", ['script-src *']],
    ["script-src 'self'", ['no default-src']],
  ])('%s would be a fault', (policy, faults) => {
    expect(policyFaults(`${policy}; form-action 'self'; base-uri 'none'`)).toEqual(faults);
  });

  test.each([
    ['<script src="https://cdn.example/x.js">', ['https://cdn.example/x.js']],
    ["<link href='//fonts.example/css'>", ['//fonts.example/css']],
    [
      '@import "http://a.example/b.css"; p { background: url(https://c.example/d.png) }',
      ['http://a.example/b.css', 'https://c.example/d.png'],
    ],
    ['<img src="data:image/png;base64,AA//BB=="><a href="#x"><svg xmlns="http://www.w3.org/2000/svg">', []],
  ])('what loads from elsewhere is seen: %s', (text, places) => {
    expect(loadsFrom(text)).toEqual(places);
    if (places.length === 0) expect(hostsIn(text)).toEqual([]);
  });

  test('its sources name no address', async () => {
    const sources = await filesOf(join(PACKAGES, 'annotator/src'));
    for (const path of [...sources, join(PACKAGES, 'annotator/index.html')]) {
      const text = await readFile(path, 'utf8');
      expect([...hostsIn(text), ...loadsFrom(text)], path).toEqual([]);
    }
  });
});

/** Sources of what users install that match a pattern, by their paths below packages/. */
async function sourcesWith(pattern: RegExp): Promise<string[]> {
  const found: string[] = [];
  for (const folder of ['ortgrad', 'core', 'studio']) {
    const files = (await filesOf(join(PACKAGES, folder, 'src'))).filter((path) => /(?<!\.test)\.ts$/.test(path));
    for (const path of files) if (pattern.test(await readFile(path, 'utf8'))) found.push(relative(PACKAGES, path));
  }
  return found.map((path) => path.replaceAll('\\', '/')).sort();
}

test('the network is opened in three places: the server, which is fastify, the language model, and `models pull`', async () => {
  // Types open nothing, and isIP reads a text.
  const doors =
    /\bfetch\(|^import (?!type |\{ isIP \}).*from '(?:node:)?(?:http|https|http2|net|dns|tls|dgram)(?:\/promises)?'|\b(?:WebSocket|EventSource)\(|import\('openai'\)/m;
  // What the server has beside fastify looks at sockets that fastify has accepted.
  expect(await sourcesWith(doors)).toEqual([
    'studio/src/project/download.ts',
    'studio/src/prompts/language-model.ts',
    'studio/src/server/http/pace.ts',
  ]);
});

test('the home folder is asked for only to be hidden from the page', async () => {
  const asks = /\bhomedir\(|\b(?:HOME|USERPROFILE|APPDATA|XDG_\w+)\b/;
  expect(await sourcesWith(asks)).toEqual(['studio/src/page-errors.ts']);
});

test.skipIf(process.getuid?.() !== 0)('a user without a home and without an entry gets the same errors', async () => {
  const url = JSON.stringify(new URL('../../src/page-errors.ts', import.meta.url).href);
  const script = `const { withoutPlaces } = await import(${url});
    delete process.env.HOME; process.setuid(54321);
    console.log(withoutPlaces('/parts/ring/a.png is not there', '/parts/ring'));`;
  const run = promisify(execFile)(process.execPath, [...NODE_ARGUMENTS, '--input-type=module', '-e', script]);
  expect((await run).stdout).toBe('a.png is not there\n');
});
