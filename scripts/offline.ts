/**
 * `npm run test:offline`: every command, the server with its page, and the library, each under strace with a home, a temporary folder and a
 * working folder of its own. No socket leads out of this computer, no name is looked up, nothing is written but the project and the
 * temporary folder, and that is left empty. Needs Linux and strace, and a build; says so where something is missing.
 */
import { spawnSync } from 'node:child_process';
import { appendFile, copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSampleProduct } from '@adclick/core/synthesis';
import { FORMATS } from '../packages/studio/src/api.ts';
import { hostsIn, loadsFrom } from '../packages/studio/test/outside.ts';
import { whyNotTraced } from '../packages/studio/test/trace.ts';
import { Box, checkBuilt, ROOT, until } from './offline/box.ts';
import { libraryPrograms } from './offline/library.ts';
import { serve } from './offline/serving.ts';

/** Files of training data, whole ones. */
const BLOCK = /\d+-\d+\.safetensors$/;
const SIZE = { width: 128, height: 128 };
const PRODUCT = 'machined-ring';

/** A program that does what nobody may, without sending anything: the tracer must see it. */
const CULPRIT = `
const socket = require('node:dgram').createSocket('udp4');
socket.connect(53, '192.0.2.1', () => socket.close());
const { Worker, isMainThread } = require('node:worker_threads');
if (isMainThread) new Worker(__filename);
else require('node:fs').writeFileSync(process.env.HOME + '/deviceid', '');
`;

async function controls(box: Box): Promise<void> {
  await writeFile(box.path('culprit.cjs'), CULPRIT);
  const breaches = [/^connect to 192\.0\.2\.1 port 53$/, /^openat .*\/home\/deviceid$/];
  await box.watch('control: a program that does wrong is caught', [process.execPath, box.path('culprit.cjs')], {
    breaches,
  });
}

async function projectCommands(box: Box): Promise<void> {
  const project = box.path('part');
  const picture = join(project, 'test/good/000.png');
  const bad = join(project, 'test/scratch/000.png');
  await writeSampleProduct(project, PRODUCT, { normals: 6, testGoods: 2, defectsPerType: 2, ...SIZE });
  const types = await readdir(join(project, 'test'));
  const [type] = types.filter((name) => name !== 'good') as [string];
  const defect = types.includes('scratch') ? bad : join(project, 'test', type, '000.png');
  await box.adclick('init', ['init', project, '--yes']);
  const yaml = join(project, 'adclick.yaml');
  await writeFile(yaml, (await readFile(yaml, 'utf8')).replace('pixels: auto', 'pixels: 128'));
  await box.adclick('index', ['index', project]);
  const click = ['--click', '60,60,+', '--click', '5,5,-'];
  await box.adclick('label', [
    'label',
    defect,
    '--project',
    project,
    ...click,
    '--out',
    box.path('m.png'),
    '--prob',
    box.path('p.png'),
  ]);
  await box.adclick('prompts generate', ['prompts', 'generate', project]);
  await box.adclick('prompts list', ['prompts', 'list', project, '--json']);
  await box.adclick('prompts edit', ['prompts', 'edit', project, '--type', type, '--add', `odd ${type} on the part`]);
  for (const format of FORMATS)
    await box.adclick(`export ${format}`, [
      'export',
      project,
      '--format',
      format,
      '--to',
      box.path(`as-${format}`),
      '--no-pictures',
    ]);
  await box.adclick('import coco', ['import', project, '--format', 'coco', '--from', box.path('as-coco')]);
  await box.adclick('import labelme', ['import', project, '--format', 'labelme', '--from', box.path('as-labelme')]);
  await box.adclick('train seg', ['train', 'seg', project, '--steps', '2']);
  await clickTraining(box, project);
  await box.adclick('models list', ['models', 'list', '--project', project]);
  await box.adclick('models pull --by-hand', ['models', 'pull', 'wide-resnet-50-2', '--by-hand']);
  await box.adclick('models verify', ['models', 'verify']);
  const models = join(project, '.adclick/models');
  const [detector] = (await readdir(models, { recursive: true })).filter((name) => name.endsWith('detector.onnx'));
  await box.adclick('models verify FILE', ['models', 'verify', join(models, detector)], { env: python() });
  const weights = join(ROOT, 'models/adclick-small/weights.safetensors');
  await box.adclick('models import', ['models', 'import', weights, '--project', project, '--name', 'taken']);
  await box.adclick('predict', ['predict', picture, '--project', project, '--out', box.path('maps')]);
  await watching(box, project, picture);
  const data = ['--data', box.work, '--category', 'part', '--pixels', '128', '--limit', '2'];
  const report = box.path('report.html');
  await box.adclick('evaluate clicks', ['evaluate', 'clicks', ...data, '--clicks', '2', '--report', report]);
  const tested = [...data, '--report', box.path('detection.html')];
  await box.adclick('evaluate detection', ['evaluate', 'detection', ...tested, '--labels', '0', '--leave-out', '0']);
  const file = join(models, detector);
  await box.adclick('evaluate detection --weights', [
    'evaluate',
    'detection',
    ...tested,
    '--weights',
    file,
    '--leave-out',
    '0',
  ]);
  const table = ['table2', ...data, '--row', 'residual', '--to', box.path('tables'), '--jobs', '2'];
  await box.adclick('reproduce', ['reproduce', ...table]);
  await foreignModel(box, project, yaml);
  await serve(box, project, picture);
}

/** The interpreter itself, where `python3` is a script that looks for one. */
function python(): NodeJS.ProcessEnv {
  const found = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
  return found.status === 0 ? { ADCLICK_PYTHON: found.stdout.trim() } : {};
}

/** Until it has drawn and described its first pictures, which takes most of the time that a short training has; then Ctrl-C. */
async function clickTraining(box: Box, project: string): Promise<void> {
  const folder = join(project, '.adclick/models/own');
  const files = () => readdir(folder, { recursive: true }).catch(() => []);
  await box.adclick('train click, until Ctrl-C', ['train', 'click', project, '--steps', '1', '--name', 'own'], {
    code: 130,
    meanwhile: async ({ signal }) => {
      try {
        await until(async () => (await files()).some((name) => BLOCK.test(name)) || undefined, 'the first block');
      } finally {
        await signal('SIGINT');
      }
    },
  });
}

/** Pictures that appear while it runs, until Ctrl-C. */
async function watching(box: Box, project: string, picture: string): Promise<void> {
  const folder = box.path('incoming');
  await mkdir(folder);
  await copyFile(picture, join(folder, 'first.png'));
  await box.adclick('predict --watch', ['predict', folder, '--project', project, '--watch'], {
    code: 130,
    meanwhile: async ({ stdout, signal }) => {
      try {
        await until(() => stdout().split('\n').length > 1 || undefined, 'the first picture');
        await copyFile(picture, join(folder, 'second.png'));
        await until(() => stdout().split('\n').length > 2 || undefined, 'the second picture');
      } finally {
        await signal('SIGINT');
      }
    },
  });
}

/** A project of somebody else's, whose file names a server; the address is one that leads nowhere. */
async function foreignModel(box: Box, project: string, yaml: string): Promise<void> {
  const before = await readFile(yaml, 'utf8');
  await appendFile(yaml, '\nlanguageModel:\n  baseURL: http://192.0.2.1:11434/v1\n  model: foreign\n');
  const args = ['prompts', 'generate', project, '--force'];
  const env = { ADCLICK_LLM_KEY: 'secret' };
  const { stderr } = await box.adclick('prompts generate, where the project file names a server', args, {
    code: 1,
    env,
  });
  if (!stderr.startsWith('ADC_LANGUAGE_MODEL_ADDRESS')) box.say('… refused as such', [stderr]);
  await box.adclick('prompts generate --offline, there', [...args, '--offline'], { env });
  await writeFile(yaml, before);
}

/** Commands that need no project. */
async function otherCommands(box: Box): Promise<void> {
  await box.adclick('help', ['--help']);
  await box.adclick('doctor', ['doctor']);
  const out = box.path('demo');
  await box.adclick('demo --no-serve --no-train', ['demo', '--no-serve', '--no-train', '--out', out]);
  const reports = ['demo/report.html', 'report.html', 'detection.html'];
  const wrong: string[] = [];
  for (const name of reports) {
    const text = await readFile(box.path(name), 'utf8');
    wrong.push(...[...loadsFrom(text), ...hostsIn(text)].map((what) => `${name}: ${what}`));
  }
  box.say('reports load nothing', wrong);
}

/** Files of the page, as they are built. */
async function pageFiles(box: Box): Promise<void> {
  const folder = join(ROOT, 'packages/studio/page');
  const wrong: string[] = [];
  for (const name of await readdir(folder, { recursive: true })) {
    if (!/\.(html|js|css|svg)$/.test(name)) continue;
    const text = await readFile(join(folder, name), 'utf8');
    wrong.push(...hostsIn(text).map((host) => `${name} names ${host}`));
    wrong.push(
      ...loadsFrom(text)
        .filter(() => !name.endsWith('.js'))
        .map((place) => `${name} loads ${place}`),
    );
    if (/sourceMappingURL=(?!data:)/.test(text)) wrong.push(`${name} asks for a source map`);
  }
  box.say('files of the page name no address to load from', wrong);
}

const reason = whyNotTraced();
if (reason) {
  process.stdout.write(`Skipped: ${reason}. Nothing was tested.\n`);
} else {
  checkBuilt();
  const box = await Box.make();
  try {
    await controls(box);
    await pageFiles(box);
    await projectCommands(box);
    await otherCommands(box);
    await libraryPrograms(box);
  } finally {
    await box.remove();
  }
  const { passed, failed } = box.counts;
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}
