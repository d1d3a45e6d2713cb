/** `adclick import`: labels that another tool made, into a project. */
import { type Command, InvalidArgumentError } from 'commander';
import { counted, FORMATS, type Format } from '../api.ts';
import { fail } from '../errors.ts';
import { openSource } from '../exchange/source.ts';
import { importLabels, leftOutLines } from '../exchange/transfer.ts';
import type { Replaced } from '../exchange/types.ts';
import { localUser } from '../local-user.ts';
import { openLabels } from '../open-labels.ts';
import { whileImporting } from '../project/leases.ts';
import { openProject } from '../project/project.ts';
import { formatOption } from './options.ts';
import { type CommonOptions, run, withCommon } from './run.ts';

interface Options extends CommonOptions {
  readonly format: Format;
  readonly from?: string;
  readonly to?: string;
  readonly unmarked: 'good' | 'todo';
  readonly removeMasks?: boolean;
}

function unmarkedOption(text: string): 'good' | 'todo' {
  if (text === 'good' || text === 'todo') return text;
  throw new InvalidArgumentError('It must be good or todo.');
}

/** The path to read: `--from`, or `--to`, which both commands take. */
function pathOf({ from, to }: Options): string {
  const path = from ?? to;
  if (path !== undefined && (from === undefined || to === undefined)) return path;
  const what = path === undefined ? '--from says what to read' : '--from and --to are the same here; give one of them';
  throw fail('ADC_USAGE', { what, command: 'adclick import' });
}

/** What there was before, and how to have it again. */
function replacedLines(replaced: readonly Replaced[]): string[] {
  if (replaced.length === 0) return [];
  const folders = [...new Set(replaced.map(({ kept }) => kept).filter((kept) => kept !== undefined))];
  const inHistory = replaced.filter(({ kept }) => kept === undefined).length;
  return [
    `Other masks than before: ${counted(replaced.length, 'image')}`,
    ...folders.map((folder) => `  the mask files from before are in ${folder}, under their own names`),
    ...(inHistory > 0 ? [`  ${inHistory} of them are undone in the labelling page`] : []),
  ];
}

export function addImport(program: Command): void {
  const command = program
    .command('import')
    .description('take labels from another tool; what cannot be read is left out and named')
    .argument('[DIR]', 'folder of the project', '.')
    .requiredOption('--format <NAME>', FORMATS.join(', '), formatOption)
    .option('--from <PATH>', 'folder, file or .zip to read')
    .option('--to <PATH>', 'the same as --from')
    .option('--unmarked <STATE>', 'what images without a region are: good or todo', unmarkedOption, 'good');
  command.option('--remove-masks', 'images without a region lose the masks that they have; otherwise those stay');
  withCommon(command, 'adclick import parts/bracket --format coco --from annotations.json');
  command.action(async (directory: string, options: Options) =>
    run(options, async ({ signal, onProgress, note }) => {
      const path = pathOf(options);
      const source = await openSource(path);
      const { root } = await openProject(directory);
      const report = await whileImporting(root, { signal, note }, async (hold) => {
        const { store, close } = await openLabels(directory, localUser(), options.format);
        const request = { format: options.format, source, emptyIs: options.unmarked, removeMasks: options.removeMasks };
        return importLabels(store, request, { ...hold, onProgress }).finally(close);
      });
      return {
        json: report,
        exit: report.leftOut.length > 0 ? 1 : 0,
        lines: [
          `${counted(report.images, 'image')} labelled from ${path}, ${report.defects} of them with a defect`,
          ...replacedLines(report.replaced),
          ...leftOutLines(report.leftOut),
        ],
      };
    }),
  );
}
