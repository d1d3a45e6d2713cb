/** `adclick predict`: anomaly scores, maps and regions of pictures, files and folders, or a folder that fills up. */
import type { Command } from 'commander';
import { counted } from '../api.ts';
import { type PredictLine, predictPictures } from '../detectors/predicting.ts';
import { fail } from '../errors.ts';
import { type CommonOptions, run, withCommon } from './run.ts';

interface Options extends CommonOptions {
  readonly project?: string;
  readonly category?: string;
  readonly detector?: string;
  readonly out?: string;
  readonly watch?: boolean;
}

export function addPredict(program: Command): void {
  const command = program
    .command('predict')
    .description('find defects in pictures: one JSON line a picture with score, decision and regions')
    .argument('<PATHS...>', 'pictures and folders of pictures')
    .option('--project <DIR>', 'folder of the project; a detector file needs none')
    .option('--category <NAME>', 'category of the pictures, when the project has several')
    .option('--detector <FILE|NAME>', "a detector file (.onnx) or model (default: the category's)")
    .option('--out <DIR>', 'write maps (16-bit PNG, 65535 is 1) and overlays there')
    .option('--watch', 'go on with pictures that appear in the folders, until Ctrl-C');
  withCommon(command, 'adclick predict line/incoming --project parts/bracket --watch --out line/results');
  command.action(async (paths: string[], options: Options) =>
    run(options, async ({ signal, onProgress, note }) => {
      if (options.json && options.watch)
        throw fail('ADC_USAGE', {
          what: '--watch prints JSON lines already and cannot be one --json object',
          command: 'adclick predict',
        });
      const { project, category, detector, out, watch } = options;
      const lines: PredictLine[] = [];
      const tell = (line: PredictLine) => {
        if (options.json) lines.push(line);
        else process.stdout.write(`${JSON.stringify(line)}\n`);
      };
      const request = { paths, project, category, detector, out, watch };
      const summary = await predictPictures(request, tell, { signal, onProgress, note });
      const { pictures, defective, failed } = summary;
      note(`${counted(pictures, 'picture')}, ${defective} with defects, ${failed} not readable`);
      return { json: { ...summary, results: lines }, lines: [], exit: failed > 0 ? 1 : 0 };
    }),
  );
}
