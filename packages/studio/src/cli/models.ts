/** `adclick models`: the backbones and weights at hand, whether their files are intact, and taking in or fetching others. */
import { isFolder } from '@adclick/core/files';
import { ARCHITECTURES } from '@adclick/core/models';
import { Argument, type Command, Option } from 'commander';
import { counted } from '../api.ts';
import { fail } from '../errors.ts';
import { CHECKPOINT_SOURCES, type CheckpointSource } from '../project/checkpoint-sources.ts';
import { type ImportedNetwork, type ImportedNetworks, importNetwork } from '../project/imported-networks.ts';
import { importWeights, listModels, verifyModels } from '../project/model-files.ts';
import { pullNetwork, sourceOf, stepsByHand } from '../project/pulled-networks.ts';
import { type DetectorCheck, TOLERANCE, verifyDetector } from '../workbench/verifying.ts';
import { megabytes } from './progress-bar.ts';
import { type Answer, type CommonOptions, type Context, run, withCommon } from './run.ts';

interface ListOptions extends CommonOptions {
  readonly project?: string;
}

interface ImportOptions extends CommonOptions {
  readonly as?: string;
  readonly licence?: string;
  readonly under?: string;
  readonly project?: string;
  readonly name?: string;
  readonly force?: boolean;
}

interface PullOptions extends CommonOptions {
  readonly from?: string;
  readonly byHand?: boolean;
  readonly force?: boolean;
}

/** A row of the list for a network that is not there and can be had. */
const pullRow = ({ network, url, bytes, licence }: CheckpointSource) => ({
  name: network,
  kind: 'network',
  from: url === undefined ? 'browser' : 'pull',
  ...(bytes !== undefined && { bytes }),
  licence,
});

function addList(models: Command): void {
  const command = models
    .command('list')
    .description('models that can be given by name')
    .option('--project <DIR>', "also list the models of this folder's project");
  withCommon(command, 'adclick models list --project parts/bracket').action(async (options: ListOptions) =>
    run(options, async () => {
      const found = await listModels(options.project);
      const names = new Set(found.map(({ name }) => name));
      const toPull = [...CHECKPOINT_SOURCES.values()].filter(({ network }) => !names.has(network)).map(pullRow);
      const width = Math.max(...[...found, ...toPull].map(({ name }) => name.length));
      const row = (
        { name, kind, from, bytes, licence }: (typeof toPull)[number] | (typeof found)[number],
        ...more: (string | undefined)[]
      ) =>
        [
          name.padEnd(width),
          kind.padEnd(13),
          from.padEnd(8),
          bytes === undefined ? '' : megabytes(bytes),
          licence,
          ...more,
        ]
          .filter(Boolean)
          .join('  ');
      return {
        json: { models: found, toPull },
        lines: [
          ...found.map((model) => row(model, model.trainedOn)),
          ...(toPull.length > 0
            ? ['Not here; adclick models pull NAME fetches them, or says how to get them with a browser:']
            : []),
          ...toPull.map((source) => row(source)),
        ],
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

const wrongImport = (what: string) => fail('ADC_USAGE', { what, command: 'adclick models import' });

function takenLines({ path, card }: ImportedNetwork): string[] {
  const leftOut = Object.entries(card.leftOut).map(([kind, count]) => `${kind} (${counted(count, 'tensor')})`);
  if (card.beside > 0) leftOut.push(`what is beside the network (${counted(card.beside, 'tensor')})`);
  return [
    `${card.name}: ${path}`,
    `${counted(card.tensors, 'tensor')}, ${(card.parameters / 1e6).toFixed(1)} million numbers, from ${card.source.format}, SHA-256 ${card.source.sha256}`,
    ...(leftOut.length > 0 ? [`Left out: ${leftOut.join(', ')}`] : []),
  ];
}

function taken({ with: others, ...first }: ImportedNetworks): Answer {
  const described = ({ path, card }: ImportedNetwork) => ({ ...card, path });
  const { licence } = first.card;
  return {
    json: { ...described(first), with: others.map(described) },
    lines: [
      ...[first, ...others].flatMap(takenLines),
      licence === 'unknown' ? 'Licence unknown: say it with --licence' : `Licence: ${licence}`,
    ],
  };
}

/** A checkpoint of a network of the table, for all projects. */
async function importedNetwork(file: string, name: string, options: ImportOptions, context: Context): Promise<Answer> {
  const { licence, under, force } = options;
  return taken(await importNetwork(file, name, { licence, under, replace: force, ...context }));
}

/** Click weights, for one project. */
async function importedWeights(file: string, { project, name, force }: ImportOptions): Promise<Answer> {
  if (project === undefined)
    throw wrongImport('Click weights need --project DIR, checkpoints of other networks --as NAME');
  if (!(await isFolder(project))) throw fail('ADC_FOLDER_MISSING', { path: project });
  const taken = await importWeights(project, file, { name, replace: force });
  return { json: taken, lines: [`${taken.name}: ${taken.path}`, `Use it with --weights ${taken.name}`] };
}

function addImport(models: Command): void {
  const command = models
    .command('import')
    .description(
      "take click weights into a project, or another program's checkpoint of a known network into the models",
    )
    .argument('<FILE>', 'a .safetensors file of click weights; with --as a .safetensors, .pth or .pt checkpoint')
    .addOption(new Option('--as <NAME>', 'the network that the checkpoint is of').choices([...ARCHITECTURES.keys()]))
    .option('--licence <TEXT>', 'with --as: licence of the checkpoint, as its source says')
    .option('--under <NAME>', 'with --as: which of several networks in the checkpoint, such as state_dict_ema')
    .option('--project <DIR>', 'folder of the project that click weights go to')
    .option('--name <NAME>', 'name to give click weights (default: the name of the file)')
    .option('--force', 'replace a model of that name');
  withCommon(command, 'adclick models import wide_resnet50_2.pth --as wide-resnet-50-2').action(
    async (file: string, options: ImportOptions) =>
      run(options, async (context) => {
        const { as: network, project, name, licence, under } = options;
        if (network === undefined) {
          if (licence ?? under) throw wrongImport('--licence and --under say nothing without --as');
          return importedWeights(file, options);
        }
        if (project ?? name) throw wrongImport('--project and --name say nothing with --as');
        return importedNetwork(file, network, options, context);
      }),
  );
}

function addPull(models: Command): void {
  const command = models
    .command('pull')
    .description("fetch a known network's published checkpoint over the network, check it and take it in")
    .addArgument(new Argument('<NAME>', 'the network').choices([...CHECKPOINT_SOURCES.keys()]))
    .option('--from <URL|FILE>', 'another address of the same file, or the file itself where it is here already')
    .option('--by-hand', 'open no connection, print what to do instead')
    .option('--force', 'replace a model of that name');
  withCommon(command, 'adclick models pull wide-resnet-50-2').action(async (name: string, options: PullOptions) =>
    run(options, async (context) => {
      const { from, byHand, force } = options;
      if (!byHand) return taken(await pullNetwork(sourceOf(name), { from, replace: force, ...context }));
      if (from ?? force)
        throw fail('ADC_USAGE', {
          what: '--from and --force say nothing with --by-hand',
          command: 'adclick models pull',
        });
      const source = sourceOf(name);
      const steps = stepsByHand(source);
      return { json: { ...source, steps }, lines: steps.map((step, i) => `${i + 1}. ${step}`) };
    }),
  );
}

export function addModels(program: Command): void {
  const models = program
    .command('models')
    .description('backbones and weights, by name or file')
    .addHelpText('after', '\nExample:\n  $ adclick models list');
  for (const add of [addList, addVerify, addImport, addPull]) add(models);
}
