/** `adclick index`: looks at the good pictures of a project once, so that labelling can compare with them. */
import type { Command } from 'commander';
import { passedOverText } from '../services/finding.ts';
import { indexProject } from '../services/indexing.ts';
import { type CommonOptions, run, withCommon } from './run.ts';

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
          ...indexes.flatMap(({ category, pictures, added, seconds, path, passedOver }) => {
            const passed = passedOverText(passedOver, root);
            return [
              ...(passed ? [`${category}: ${passed}`] : []),
              `${category}: ${pictures} good pictures, ${added} of them new (${seconds.toFixed(1)} s), in ${path}`,
            ];
          }),
        ],
      };
    }),
  );
}
