/** `adclick init`: writes adclick.yaml for a folder of pictures. */
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { fail } from '../errors.ts';
import { type ProjectDraft, writeProject } from '../project.ts';
import { proposeProject } from '../services/projects.ts';
import { type CommonOptions, run, withCommon } from './run.ts';

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
    const categories: ProjectDraft['categories'] = {};
    const found = Object.entries(draft.categories);
    // Many categories come from a dataset whose layout says it all; asking three questions for each would be a chore.
    if (found.length > 1) Object.assign(categories, draft.categories);
    else
      for (const [proposed, settings] of found) {
        const name = await question('Category', proposed);
        const good = list(await question('Folders of good pictures', settings.good.join(', ')));
        const defects = list(await question('Defect types', settings.defects?.join(', ') || 'none'));
        categories[name] = { ...settings, good, defects: defects.filter((defect) => defect !== 'none') };
      }
    const pixels = Number(await question('Longer side of the pictures for the models', String(draft.pixels ?? 512)));
    return { ...draft, categories, pixels };
  } finally {
    terminal.close();
  }
}

export function addInit(program: Command): void {
  const command = program
    .command('init')
    .description('write adclick.yaml for a folder of pictures')
    .argument('[DIR]', 'folder of the project', '.')
    .option('-y, --yes', 'take what was found without asking')
    .option('--force', 'replace an existing adclick.yaml');
  withCommon(command, 'adclick init parts/bracket --yes').action(async (directory: string, options: Options) =>
    run(options, async ({ signal }) => {
      if (!options.yes && !process.stdin.isTTY)
        throw fail('ADC_USAGE', {
          what: 'init asks questions and needs a terminal; add --yes',
          command: 'adclick init',
        });
      const { path, kind, draft } = await proposeProject(directory, options.force ?? false);
      const { settings } = await writeProject(path, options.yes ? draft : await ask(draft, signal));
      return {
        json: { project: path, layout: kind, ...settings },
        lines: [
          `Found ${kind}.`,
          ...Object.entries(settings.categories).map(
            ([name, { good, defects }]) =>
              `  ${name}: good pictures in ${good.join(', ')}${defects.length ? `; defects ${defects.join(', ')}` : ''}`,
          ),
          `Wrote ${path}`,
          `Next: adclick index ${directory}`,
        ],
      };
    }),
  );
}
