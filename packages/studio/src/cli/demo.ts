/** `adclick demo`: a sample product from pictures to masks, with a report to look at, then the labelling page. */
import { SAMPLE_PRODUCTS } from '@adclick/core';
import { type Command, Option } from 'commander';
import { openProject } from '../project.ts';
import { runDemo } from '../services/demo.ts';
import { type CommonOptions, run, withCommon } from './run.ts';
import { portNumber, type ServingOptions, startServing } from './serve.ts';

interface Options extends CommonOptions, ServingOptions {
  readonly product?: string;
  readonly out?: string;
  readonly serve: boolean;
}

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;

export function addDemo(program: Command): void {
  const command = program
    .command('demo')
    .description('sample product -> index -> masks from simulated clicks, and a report; then the labelling page')
    .option('--no-serve', 'end after the report')
    .option('--port <N>', 'port of the page (default: 4280, or the next free one)', portNumber)
    .option('--no-open', 'do not open a browser')
    .option(
      '--out <DIR>',
      "folder for pictures, masks and report (default: a new one among the system's temporary files)",
    )
    .addOption(new Option('--product <NAME>', 'sample product').choices(SAMPLE_PRODUCTS.map(({ name }) => name)));
  withCommon(command, 'adclick demo --no-serve');
  command.action(async (options: Options) =>
    run(options, async (context) => {
      const answer = await runDemo(options, context);
      const done = {
        json: answer,
        lines: [
          `${answer.product}: ${answer.defects} sample defects labelled by simulated clicks in ${answer.seconds.toFixed(1)} s`,
          ...Object.entries(answer.miou).map(
            ([k, miou]) => `  after ${k} click${k === '1' ? ' ' : 's'}: mean IoU ${percent(miou)}`,
          ),
          `pictures and masks  ${answer.folder}`,
          `report              ${answer.report}`,
        ],
      };
      if (!options.serve) return done;
      return startServing(await openProject(answer.folder), options, context, done);
    }),
  );
}
