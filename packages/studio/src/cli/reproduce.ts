/** `adclick reproduce`: the paper's tables again, from the data and the code at hand. */
import { PUBLISHED, TABLES, type TableName } from '@adclick/core/evaluation';
import { Argument, type Command, Option } from 'commander';
import { counted } from '../api.ts';
import { errorLine } from '../errors.ts';
import type { ReproduceSettings } from '../workbench/reproduce/plan.ts';
import { reproduce } from '../workbench/reproduce/reproduce.ts';
import { RECIPES } from '../workbench/reproduce/rows.ts';
import {
  BACKBONE_HELP,
  backboneOption,
  collect,
  fileEnding,
  networkWidth,
  number,
  WIDTH_HELP,
  wholeNumber,
} from './options.ts';
import { type CommonOptions, run, withCommon } from './run.ts';

interface Options extends CommonOptions, Omit<ReproduceSettings, 'table'> {
  readonly jobs: number;
  readonly to: string;
  readonly document?: string;
}

/** Options that do not change what is made. */
const ASIDE: ReadonlySet<string> = new Set(['to', 'jobs', 'document', 'json', 'debug', 'logLevel']);

/** A word as a shell takes it. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** The command that makes it again, with what is not as it is by default. */
function commandText(command: Command, table: string): string {
  const words = command.options.flatMap((option) => {
    const name = option.attributeName();
    if (ASIDE.has(name) || command.getOptionValueSource(name) !== 'cli') return [];
    const value: unknown = command.getOptionValue(name);
    if (value === true) return [option.long];
    return (Array.isArray(value) ? value : [value]).flatMap((each) => [option.long, quoted(String(each))]);
  });
  return ['adclick reproduce', table, ...words].join(' ');
}

export function addReproduce(program: Command): void {
  const tables = TABLES.map((name) => `${name}: ${PUBLISHED[name].title}`);
  const command = program
    .command('reproduce')
    .description("the paper's tables again, the published rows beside those that are measured here")
    .addArgument(new Argument('<TABLE>', tables.join('; ')).choices(TABLES))
    .requiredOption('--data <DIR>', 'folder of the categories, such as that of MVTec AD')
    .option('--category <NAME>', 'only this category; repeatable (default: all that the table is of)', collect)
    .addOption(
      new Option('--preset <NAME>', 'networks: our own, or as published')
        .choices(Object.keys(RECIPES))
        .default('small'),
    )
    .option('--width <N>', WIDTH_HELP, networkWidth)
    .option('--backbone <NAME>', BACKBONE_HELP, backboneOption)
    .option('--pretrain', 'pretrain without each category on all others, in place of the weights that ship')
    .option(
      '--steps <FACTOR>',
      'times the usual steps of every training, below 1 for a quick look',
      number(0.0001, 100),
      1,
    )
    .option('--pixels <N>', 'side of the square with as many pixels as the models see', wholeNumber(128, 4096), 512)
    .option('--limit <N>', 'only N test pictures of each kind a category, spread evenly', wholeNumber(1))
    .option('--row <NAME>', 'only this row of the table, such as pre-trained; repeatable', collect)
    .option(
      '--rival <METHOD>',
      'also masks of weights:FILE, simple-click-vit-b or sam:ENCODER,DECODER; repeatable',
      collect,
    )
    .option('--maps <METHOD=FOLDER>', "also another method's maps, as `evaluate maps` reads them; repeatable", collect)
    .option('--jobs <N>', 'results that are made at the same time, each by a process', wholeNumber(1, 256), 1)
    .option('--to <DIR>', 'folder of results and tables, where a run that was stopped goes on', '.adclick/reproduce')
    .option('--document <FILE>', 'also put the table into this Markdown file', fileEnding('.md'));
  withCommon(command, 'adclick reproduce table1 --data mvtec --jobs 4');
  command.action(async (table: TableName, options: Options) =>
    run(options, async (context) => {
      const answer = await reproduce({ ...options, table, command: commandText(command, table) }, context);
      const { rows, failed, files, cells } = answer;
      const width = Math.max(...rows.map(({ method, on }) => method.length + on.length + 2));
      return {
        json: answer,
        lines: [
          `${table}: ${PUBLISHED[table].title} (${PUBLISHED[table].columns.join(', ')}; %)`,
          ...rows.map(({ method, on, values }) =>
            [
              `${method}, ${on}`.padEnd(width),
              ...values.map((value) => (value === undefined ? '–' : (100 * value).toFixed(1)).padStart(6)),
            ].join(''),
          ),
          ...failed.map(({ text, ...error }) => `failed: ${text}: ${errorLine(error)}`),
          `${counted(cells, 'result')}${failed.length > 0 ? `, ${failed.length} failed` : ''}; tables: ${files.join(', ')}`,
        ],
        exit: failed.length > 0 ? 1 : 0,
      };
    }),
  );
}
