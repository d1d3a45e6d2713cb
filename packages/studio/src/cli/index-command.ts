/** `adclick index`: looks at the good pictures of a project once, so that labelling can compare with them. */
import type { Windows } from '@adclick/core';
import { writtenWindow } from '@adclick/core/image';
import type { Command } from 'commander';
import { counted } from '../api.ts';
import { indexProject } from '../engine/indexing.ts';
import { passedOverText } from '../project/finding.ts';
import { type CommonOptions, run, withCommon } from './run.ts';

/** Windows of samples of more than 8 bits, in words. */
const windowsSeen = (windows: Windows): string =>
  Object.entries(windows)
    .filter(([type]) => type !== 'uint8')
    .map(([type, window]) => `, ${type} seen from ${writtenWindow(window)}`)
    .join('');

interface Options extends CommonOptions {
  readonly category?: string;
}

export function addIndex(program: Command): void {
  const command = program
    .command('index')
    .description('features and the reference index of the good pictures; only new pictures are looked at')
    .argument('[DIR]', 'folder of the project', '.')
    .option('--category <NAME>', 'only this category');
  withCommon(command, 'adclick index parts/bracket').action(async (directory: string, options: Options) =>
    run(options, async (context) => {
      const { root, created, indexes } = await indexProject(directory, { ...context, category: options.category });
      return {
        json: { indexes },
        lines: [
          ...(created ? [`Wrote ${created} as \`adclick init --yes\` would`] : []),
          ...indexes.flatMap(({ category, pictures, added, windows, seconds, path, passedOver }) => {
            const passed = passedOverText(passedOver, root);
            return [
              ...(passed ? [`${category}: ${passed}`] : []),
              `${category}: ${counted(pictures, 'good picture')}, ${added} of them new${windowsSeen(windows)} (${seconds.toFixed(1)} s), in ${path}`,
            ];
          }),
        ],
      };
    }),
  );
}
