/** `adclick doctor`: what this computer offers and what is wrong with the installation. */
import type { Command } from 'commander';
import { type DoctorReport, examine } from '../workbench/doctor.ts';
import { megabytes } from './progress-bar.ts';
import { type CommonOptions, type Context, run, withCommon } from './run.ts';

const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GB`;

function lines(report: DoctorReport, { green, red, yellow, dim }: Context['colours']): string[] {
  const { versions, cpu, memory, disk, providers, models, problems, warnings } = report;
  const mark = (ok: boolean) => (ok ? green('yes') : dim('no '));
  return [
    `adclick ${versions.adclick}, node ${versions.node}, onnxruntime ${versions.onnxruntime}, sharp ${versions.sharp}`,
    `tested     with node ${report.testedNodes.join(', ')}`,
    `system     ${report.system}`,
    `processor  ${cpu.model}, ${cpu.usable} of ${cpu.cores} cores usable`,
    `memory     ${gigabytes(memory.free)} free of ${gigabytes(memory.total)}`,
    `disk       ${gigabytes(disk.free)} free of ${gigabytes(disk.total)} (${disk.path})`,
    'execution providers',
    ...providers.map(
      ({ name, usable, milliseconds, reason }) =>
        `  ${mark(usable)} ${name.padEnd(9)} ${usable ? `ready in ${milliseconds} ms` : reason}`,
    ),
    'model files',
    ...models.map(
      ({ file, ok, bytes, what }) => `  ${ok ? green('ok ') : red('bad')} ${file} ${ok ? megabytes(bytes) : what}`,
    ),
    ...problems.map((problem) => red(`Problem: ${problem}`)),
    ...warnings.map((warning) => yellow(`Warning: ${warning}`)),
    ...(problems.length + warnings.length === 0 ? [green('All is well.')] : []),
  ];
}

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('versions, cores, memory, execution providers and why one is not used, model files');
  withCommon(command, 'adclick doctor').action(async (options: CommonOptions) =>
    run(options, async ({ colours, signal }) => {
      const report = await examine(process.cwd(), signal);
      return { json: report, lines: lines(report, colours), exit: report.ok ? 0 : 1 };
    }),
  );
}
