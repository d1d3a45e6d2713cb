/** `adclick models`: the backbones and weights at hand, whether their files are intact, and taking in others. */
import { isFolder } from '@adclick/core/files';
import type { Command } from 'commander';
import { counted } from '../api.ts';
import { fail } from '../errors.ts';
import { importWeights, listModels, verifyModels } from '../project/model-files.ts';
import { type DetectorCheck, TOLERANCE, verifyDetector } from '../workbench/verifying.ts';
import { megabytes } from './progress-bar.ts';
import { type Answer, type CommonOptions, run, withCommon } from './run.ts';

interface ListOptions extends CommonOptions {
  readonly project?: string;
}

interface ImportOptions extends CommonOptions {
  readonly project: string;
  readonly name?: string;
  readonly force?: boolean;
}

function addList(models: Command): void {
  const command = models
    .command('list')
    .description('models that can be given by name')
    .option('--project <DIR>', "also list the models of this folder's project");
  withCommon(command, 'adclick models list --project parts/bracket').action(async (options: ListOptions) =>
    run(options, async () => {
      const found = await listModels(options.project);
      const width = Math.max(...found.map(({ name }) => name.length));
      return {
        json: { models: found },
        lines: found.map(({ name, kind, from, bytes, trainedOn }) =>
          [name.padEnd(width), kind.padEnd(13), from.padEnd(7), megabytes(bytes), trainedOn].filter(Boolean).join('  '),
        ),
      };
    }),
  );
}

const difference = (value: number | undefined) => (value === undefined ? '–' : value.toExponential(1));

function verified(check: DetectorCheck): Answer {
  const { name, version, bytes, pictures, runtimes, ok } = check;
  const asked = runtimes.filter(({ missing }) => missing === undefined);
  const alike = asked.length > 1 ? 'the same everywhere' : 'no other runtime is there to compare with';
  return {
    json: check,
    lines: [
      `${name}: ${megabytes(bytes)}, written by ADClick ${version}, ${counted(pictures, 'drawn picture')}`,
      ...runtimes.map(({ runtime, missing, scoreDifference, mapDifference }) =>
        missing === undefined
          ? `${runtime.padEnd(20)}  scores differ by ${difference(scoreDifference)}, maps by ${difference(mapDifference)}`
          : `${runtime.padEnd(20)}  not asked: ${missing}`,
      ),
      ok ? alike : `they differ by more than ${TOLERANCE}`,
    ],
    exit: ok ? 0 : 1,
  };
}

function addVerify(models: Command): void {
  const command = models
    .command('verify')
    .description(
      'compare the shipped model files with their checksums, or what a detector says in every runtime at hand',
    )
    .argument('[FILE]', 'a detector file (.onnx)');
  withCommon(command, 'adclick models verify detector.onnx').action(
    async (file: string | undefined, options: CommonOptions) =>
      run(options, async (context) => {
        if (file !== undefined) return verified(await verifyDetector(file, context));
        const files = await verifyModels();
        const bad = files.filter(({ ok }) => !ok);
        if (bad.length > 0) {
          const what = bad.map(({ file, what }) => `${file} ${what}`).join('; ');
          throw fail('ADC_MODEL_CHANGED', { count: bad.length, total: files.length, what });
        }
        return { json: { ok: true, files }, lines: [`As shipped: ${counted(files.length, 'file')}`] };
      }),
  );
}

function addImport(models: Command): void {
  const command = models
    .command('import')
    .description('take a weights file into a project under a name')
    .argument('<FILE>', 'a .safetensors file of click weights')
    .requiredOption('--project <DIR>', 'folder of the project')
    .option('--name <NAME>', 'name to give it (default: the name of the file)')
    .option('--force', 'replace a model of that name');
  withCommon(command, 'adclick models import tuned.safetensors --project parts/bracket').action(
    async (file: string, options: ImportOptions) =>
      run(options, async () => {
        if (!(await isFolder(options.project))) throw fail('ADC_FOLDER_MISSING', { path: options.project });
        const { name, path } = await importWeights(options.project, file, {
          name: options.name,
          replace: options.force,
        });
        return { json: { name, path }, lines: [`${name}: ${path}`, `Use it with --weights ${name}`] };
      }),
  );
}

export function addModels(program: Command): void {
  const models = program
    .command('models')
    .description('backbones and weights, by name or file')
    .addHelpText('after', '\nExample:\n  $ adclick models list');
  for (const add of [addList, addVerify, addImport]) add(models);
}
