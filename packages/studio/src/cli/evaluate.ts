/** `adclick evaluate clicks`: how good the masks are that simulated clicks give, on a category with known masks. */
import type { Command } from 'commander';
import { evaluateCategory } from '../services/evaluation.ts';
import { fileEnding, wholeNumber } from './options.ts';
import { type CommonOptions, run, withCommon } from './run.ts';

interface Options extends CommonOptions {
  readonly data: string;
  readonly category: string;
  readonly clicks: number;
  readonly nocClicks?: number;
  readonly weights?: string;
  readonly pixels?: number;
  readonly prompt: string;
  readonly report?: string;
  readonly limit?: number;
}

const percent = (value: number) => (100 * value).toFixed(1).padStart(5);

export function addEvaluate(program: Command): void {
  const evaluate = program
    .command('evaluate')
    .description('figures on pictures with known masks')
    .addHelpText('after', '\nExample:\n  $ adclick evaluate clicks --data mvtec --category bottle');
  const command = evaluate
    .command('clicks')
    .description('masks from simulated clicks: AP, PRO, pixel AUROC, IoU, number of clicks, time')
    .requiredOption('--data <DIR>', 'folder of the dataset (MVTec AD layout: DIR/NAME/{train/good,test,ground_truth})')
    .requiredOption('--category <NAME>', 'category, a folder in it')
    .option('--clicks <N>', 'clicks a picture', wholeNumber(1, 100), 5)
    .option('--noc-clicks <N>', 'go on to N clicks for the number of clicks (20 is usual)', wholeNumber(1, 100))
    .option('--weights <FILE|NAME>', 'click weights (default: the shipped ones)')
    .option('--pixels <N>', 'side of the square with as many pixels as the models see', wholeNumber(128, 4096))
    .option('--prompt <NAME>', "guide by prompts of this defect type, of each picture's own (type), or of none", 'type')
    .option('--report <FILE>', 'also write an HTML report', fileEnding('.html'))
    .option('--limit <N>', 'only N defects, spread evenly', wholeNumber(1));
  withCommon(command, 'adclick evaluate clicks --data mvtec --category bottle --report bottle.html');
  command.action(async (options: Options) =>
    run(options, async (context) => {
      const answer = await evaluateCategory(options, context);
      const rows = Object.entries(answer.clicks).map(
        ([k, { ap, pro, pauroc, miou }]) =>
          `${k.padStart(6)}  ${percent(ap)}  ${percent(pro)}  ${percent(pauroc)}  ${percent(miou)}`,
      );
      return {
        json: answer,
        lines: [
          `${answer.category}: ${answer.images} defects, weights ${answer.weights}, trained on ${answer.trainedOn}`,
          'clicks     AP    PRO  AUROC   mIoU   (%)',
          ...rows,
          `clicks to IoU 80/85/90 %: ${Object.values(answer.noc)
            .map((value) => value.toFixed(2))
            .join(' / ')} (at most ${answer.nocCap})`,
          `a click: ${answer.msPerClick.p50.toFixed(0)} ms, 95 % within ${answer.msPerClick.p95.toFixed(0)} ms`,
          ...(options.report ? [`report: ${options.report}`] : []),
        ],
      };
    }),
  );
}
