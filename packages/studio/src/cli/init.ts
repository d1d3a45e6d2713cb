/** `adclick init`: writes adclick.yaml for a folder of pictures. */
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { counted } from '../api.ts';
import { fail } from '../errors.ts';
import { type Category, categoriesOf, proposeProject } from '../project/categories.ts';
import { type CategoryCounts, countPictures } from '../project/category-pictures.ts';
import { passedOverText } from '../project/finding.ts';
import { firstNotes } from '../project/first-look.ts';
import type { Layout } from '../project/layout.ts';
import { type ProjectDraft, writeProject } from '../project/project.ts';
import { type CommonOptions, run, withCommon } from './run.ts';

/** Folders and types that a line shows. */
const SHOWN = 6;

interface Options extends CommonOptions {
  readonly yes?: boolean;
  readonly force?: boolean;
}

/** Lets the person change what was found; an empty answer keeps it. */
async function ask(draft: ProjectDraft, signal: AbortSignal): Promise<ProjectDraft> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const question = async (text: string, kept: string) =>
    (await terminal.question(`${text} [${kept}]: `, { signal })).trim() || kept;
  const list = (text: string) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean);
  try {
    const found = Object.entries(draft.categories);
    const categories: typeof found = [];
    // Many categories come from a dataset whose layout says it all; asking three questions for each would be a chore.
    if (found.length > 1) categories.push(...found);
    else
      for (const [proposed, settings] of found) {
        const name = await question('Category', proposed);
        const good = list(await question('Folders of good pictures', settings.good.join(', ')));
        const defects = list(await question('Defect types', settings.defects?.join(', ') || 'none'));
        categories.push([name, { ...settings, good, defects: defects.filter((defect) => defect !== 'none') }]);
      }
    const smallest = Number(await question('Narrow side of the least defect that matters, in pixels', 'unknown'));
    return { ...draft, categories: Object.fromEntries(categories), ...(smallest > 0 && { smallest }) };
  } finally {
    terminal.close();
  }
}

type Found = CategoryCounts & { readonly masks: number };

/** Some names of a list, and that there are more. */
const some = (names: readonly string[]) =>
  [...names.slice(0, SHOWN), ...(names.length > SHOWN ? ['…'] : [])].join(', ');

function linesOf({ name, settings }: Category, found: Found | undefined, root: string): string[] {
  if (!found) return [];
  const { good, test, masks, passedOver } = found;
  const passed = passedOverText(passedOver, root);
  const parts = [
    `${counted(good, 'good picture')} in ${some(settings.good)}`,
    ...(settings.test.length > 0 ? [`${test} to look at in ${some(settings.test)}`] : []),
    ...(masks > 0 ? [`${counted(masks, 'mask')} ${settings.masks ? `in ${settings.masks}` : 'beside them'}`] : []),
    ...(settings.defects.length > 0 ? [`defects ${some(settings.defects)}`] : []),
  ];
  return [`  ${name}: ${parts.join('; ')}`, ...(passed ? [`    ${passed}`] : [])];
}

function leftOutLines(leftOut: Layout['leftOut']): string[] {
  if (leftOut.length === 0) return [];
  const files = leftOut.reduce((sum, one) => sum + one.files, 0);
  const names = leftOut.map((one) => `${one.folder} (${one.files})`);
  return [
    `Left out: ${counted(files, 'picture file')} in folders whose names say nothing of what they hold: ${some(names)}.`,
    '  Name them in adclick.yaml under good or test where they belong to a category.',
  ];
}

export function addInit(program: Command): void {
  const command = program
    .command('init')
    .description('write adclick.yaml for a folder of pictures')
    .argument('[DIR]', 'folder of the project', '.')
    .option('-y, --yes', 'take what was found without asking')
    .option('--force', 'replace an existing adclick.yaml');
  withCommon(command, 'adclick init parts/bracket --yes').action(async (directory: string, options: Options) =>
    run(options, async ({ signal, note }) => {
      if (!options.yes && !process.stdin.isTTY)
        throw fail('ADC_USAGE', {
          what: 'init asks questions and needs a terminal; add --yes',
          command: 'adclick init',
        });
      const { path, layout, draft } = await proposeProject(directory, options.force ?? false);
      const project = await writeProject(path, options.yes ? draft : await ask(draft, signal));
      const found = new Map<string, Found>();
      for (const category of categoriesOf(project)) {
        signal.throwIfAborted();
        const counts = await countPictures(project, category);
        found.set(category.name, { ...counts, masks: layout.masks.get(category.name) ?? 0 });
      }
      const { kind, leftOut } = layout;
      for (const text of await firstNotes(project)) note(text);
      return {
        json: { project: path, layout: kind, found: Object.fromEntries(found), leftOut, ...project.settings },
        lines: [
          `Found ${kind}.`,
          ...categoriesOf(project).flatMap((category) => linesOf(category, found.get(category.name), project.root)),
          ...leftOutLines(leftOut),
          `Wrote ${path}`,
          `Next: adclick index ${directory}`,
        ],
      };
    }),
  );
}
