/** `adclick demo`: a sample product from pictures to masks and a detector, with a report to look at, then the labelling page. */
import { SAMPLE_PRODUCTS } from '@adclick/core/synthesis';
import { type Command, Option } from 'commander';
import { openProject } from '../project/project.ts';
import { runDemo } from '../workbench/demo.ts';
import type { DemoDetector } from '../workbench/demo-detector.ts';
import { type CommonOptions, run, withCommon } from './run.ts';
import { portNumber, type ServingOptions, startServing } from './serve.ts';

interface Options extends CommonOptions, ServingOptions {
  readonly product?: string;
  readonly out?: string;
  readonly serve: boolean;
  readonly train: boolean;
}

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;

/** What the detector found in pictures that neither labels nor training saw, beside what the residual finds. */
const detectorLines = ({ from, ap, residualAp, iauroc, residualIauroc, good, defects, notes }: DemoDetector) => [
  `${from === 'network' ? 'a detector trained on the masks' : 'the residual alone'}, on ${defects} other defects and ${good} good parts`,
  `  average precision ${percent(ap)}${from === 'network' ? `, of the residual alone ${percent(residualAp)}` : ''}`,
  `  image AUROC ${percent(iauroc)}${from === 'network' ? `, of the residual alone ${percent(residualIauroc)}` : ''}`,
  ...notes,
];

export function addDemo(program: Command): void {
  const command = program
    .command('demo')
    .description(
      'sample product -> index -> masks from simulated clicks -> detector, and a report; then the labelling page',
    )
    .option('--no-serve', 'end after the report')
    .option('--no-train', 'leave out the detector')
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
      const { product, defects, miou, detector, folder, report, seconds } = answer;
      const done = {
        json: answer,
        lines: [
          `${product}: ${defects} sample defects labelled by simulated clicks`,
          ...Object.entries(miou).map(
            ([k, value]) => `  after ${k} click${k === '1' ? ' ' : 's'}: mean IoU ${percent(value)}`,
          ),
          ...(detector ? detectorLines(detector) : []),
          `in all              ${seconds.toFixed(1)} s`,
          `pictures and masks  ${folder}`,
          ...(detector ? [`detector            ${detector.path}`] : []),
          `report              ${report}`,
        ],
      };
      if (!options.serve) return done;
      return startServing(await openProject(answer.folder), options, context, done);
    }),
  );
}
