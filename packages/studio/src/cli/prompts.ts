/** `adclick prompts`: phrases that tell the models what each defect type is; made, shown, and changed by hand. */
import type { Command } from 'commander';
import { counted } from '../api.ts';
import { fail } from '../errors.ts';
import { openProject } from '../project/project.ts';
import { PromptService, type Prompts } from '../prompts/prompts.ts';
import { typesInUse } from '../store/types-in-use.ts';
import { collect } from './options.ts';
import { type CommonOptions, run, withCommon } from './run.ts';

interface Options extends CommonOptions {
  readonly category?: string;
  readonly type?: string;
}

interface GenerateOptions extends Options {
  readonly offline?: boolean;
  readonly force?: boolean;
}

interface EditOptions extends CommonOptions {
  readonly category?: string;
  readonly type: string;
  readonly add?: readonly string[];
  readonly delete?: readonly string[];
}

async function openPrompts(directory: string): Promise<PromptService> {
  const project = await openProject(directory);
  return new PromptService(project, undefined, (declared) => typesInUse(project.root, declared));
}

const promptLines = ({ category, type, by, phrases }: Prompts): string[] => [
  phrases.length === 0
    ? `${category} / ${type}: no prompts yet`
    : `${category} / ${type}: ${counted(phrases.length, 'prompt')} by ${by}`,
  ...phrases.map((phrase) => `  ${phrase}`),
];

function addGenerate(prompts: Command): void {
  const command = prompts
    .command('generate')
    .description(
      'write prompts for the defect types that have none: a language model where one is named, else a grammar',
    )
    .argument('[DIR]', 'folder of the project', '.')
    .option('--category <NAME>', 'only this category')
    .option('--type <NAME>', 'only this defect type')
    .option('--offline', 'use the built-in grammar, even where a language model is named')
    .option('--force', 'replace the prompts that are there');
  withCommon(command, 'adclick prompts generate parts/bracket --type scratch');
  command.action(async (directory: string, options: GenerateOptions) =>
    run(options, async (context) => {
      const { category, type, offline, force } = options;
      const service = await openPrompts(directory);
      const report = await service.generate({ category, type, offline, replace: force }, context);
      return {
        json: report,
        lines: [
          ...report.made.map((one) => {
            const notes = [
              ...(one.dropped > 0 ? [`${one.dropped} unusable ones dropped`] : []),
              ...(one.added > 0 ? [`${one.added} added by the grammar`] : []),
            ];
            const more = notes.length > 0 ? ` (${notes.join(', ')})` : '';
            return `${one.category} / ${one.type}: ${counted(one.phrases, 'prompt')} by ${one.by}${more}`;
          }),
          ...(report.kept > 0
            ? [
                `${counted(report.kept, 'type')} ${report.kept === 1 ? 'has' : 'have'} prompts already; --force replaces them`,
              ]
            : []),
          ...(report.made.length + report.kept === 0 ? ['The project has no defect types yet.'] : []),
        ],
      };
    }),
  );
}

function addList(prompts: Command): void {
  const command = prompts
    .command('list')
    .description('show the prompts of a project')
    .argument('[DIR]', 'folder of the project', '.')
    .option('--category <NAME>', 'only this category')
    .option('--type <NAME>', 'only this defect type');
  withCommon(command, 'adclick prompts list parts/bracket --type scratch');
  command.action(async (directory: string, { category, type, ...options }: Options) =>
    run(options, async () => {
      const listed = await (await openPrompts(directory)).list(category, type);
      return { json: { prompts: listed }, lines: listed.flatMap(promptLines) };
    }),
  );
}

function addEdit(prompts: Command): void {
  const command = prompts
    .command('edit')
    .description('add and delete prompts of a defect type')
    .argument('[DIR]', 'folder of the project', '.')
    .requiredOption('--type <NAME>', 'the defect type')
    .option('--category <NAME>', 'the category, where several have that type')
    .option('--add <PHRASE>', 'add a prompt; repeatable', collect)
    .option('--delete <PHRASE>', 'delete a prompt; repeatable', collect);
  withCommon(command, 'adclick prompts edit parts/bracket --type scratch --add "fine scratch on the bracket"');
  command.action(async (directory: string, options: EditOptions) =>
    run(options, async () => {
      const { type, category, add = [], delete: deleted = [] } = options;
      if (add.length + deleted.length === 0)
        throw fail('ADC_USAGE', { what: 'say what to --add or --delete', command: 'adclick prompts edit' });
      const after = await (await openPrompts(directory)).edit(type, { add, remove: deleted }, category);
      return {
        json: { added: add.length, deleted: deleted.length, ...after },
        lines: [`${after.category} / ${type}: ${counted(after.phrases.length, 'prompt')} now`],
      };
    }),
  );
}

export function addPrompts(program: Command): void {
  const prompts = program
    .command('prompts')
    .description('phrases that tell the models what a defect looks like')
    .addHelpText('after', '\nExample:\n  $ adclick prompts generate parts/bracket');
  for (const add of [addGenerate, addList, addEdit]) add(prompts);
}
