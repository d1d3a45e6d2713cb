/** `adclick adapt`: takes pictures of the line as good, so that a detector's thresholds follow them. */
import type { Command } from 'commander';
import { adaptDetector } from '../detectors/adapting.ts';
import { adaptedText } from '../detectors/training-options.ts';
import { type CommonOptions, run, withCommon } from './run.ts';

interface Options extends CommonOptions {
  readonly project?: string;
  readonly category?: string;
  readonly detector?: string;
}

export function addAdapt(program: Command): void {
  const command = program
    .command('adapt')
    .description("take pictures of the line as good: a detector's thresholds follow them, in seconds")
    .argument(
      '<PATHS...>',
      'good pictures as they come, and folders of them; not only those that were called defective',
    )
    .option('--project <DIR>', 'folder of the project; a detector file needs none')
    .option('--category <NAME>', 'category of the pictures, when the project has several')
    .option('--detector <FILE|NAME>', "a detector file (.onnx) or model (default: the category's); it is written anew");
  withCommon(command, 'adclick adapt line/good-today --project parts/bracket');
  command.action(async (paths: string[], { project, category, detector, ...options }: Options) =>
    run(options, async (context) => {
      const answer = await adaptDetector({ paths, project, category, detector }, context);
      return {
        json: answer,
        lines: [adaptedText(answer, 'picture'), `detector  ${answer.detector}`],
      };
    }),
  );
}
