/** The command tree: parses arguments and turns wrong usage into the same kind of error line as everything else. */
import { fail as failCore } from '@adclick/core/errors';
import { describeIoError } from '@adclick/core/files';
import { Command, CommanderError } from 'commander';
import { fail } from '../errors.ts';
import { VERSION } from '../version.ts';
import { addDemo } from './demo.ts';
import { addDoctor } from './doctor.ts';
import { addEvaluate } from './evaluate.ts';
import { addExport } from './export.ts';
import { addImport } from './import.ts';
import { addIndex } from './index-command.ts';
import { addInit } from './init.ts';
import { addLabel } from './label.ts';
import { addModels } from './models.ts';
import { addPredict } from './predict.ts';
import { addPrompts } from './prompts.ts';
import { report } from './run.ts';
import { addServe } from './serve.ts';
import { addTrain } from './train.ts';

/** The whole tree, with commands in the order in which people meet them. */
export function createProgram(): Command {
  const program = new Command('adclick')
    .description('From a few clicks to a pixel-exact mask of a defect, given pictures of good parts.')
    .version(VERSION, '-v, --version')
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      '\nExample:\n  $ adclick demo --no-serve\n\n`adclick COMMAND --help` shows an example of each.',
    );
  for (const add of [
    addDemo,
    addInit,
    addIndex,
    addLabel,
    addServe,
    addImport,
    addExport,
    addPrompts,
    addTrain,
    addPredict,
    addEvaluate,
    addModels,
    addDoctor,
  ])
    add(program);
  harden(program);
  return program;
}

/** Makes commander throw instead of printing and exiting, for every command of the tree. */
function harden(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  for (const child of command.commands) harden(child);
}

/** "label" of `adclick label …`, as far as the arguments name commands of the tree. */
function commandOf(program: Command, words: readonly string[]): string {
  let at = program;
  for (const word of words) {
    const child = at.commands.find((command) => command.name() === word);
    if (!child) break;
    at = child;
  }
  const names: string[] = [];
  for (let up: Command | null = at; up; up = up.parent) names.unshift(up.name());
  return names.join(' ');
}

/** Runs the command line. Sets `process.exitCode`; never throws. */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that went away (`adclick … | head`) wants no more, and that is no failure.
    if (error.code !== 'EPIPE')
      report(failCore('ADC_DISK', { path: 'stdout', what: describeIoError(error) }, error), {});
  });
  // Nobody can be told that nobody can be told anything.
  process.stderr.on('error', () => undefined);
  const program = createProgram();
  const words = argv.slice(2);
  const options = { json: words.includes('--json'), debug: words.includes('--debug') };
  if (words.length === 0) {
    program.outputHelp();
    return;
  }
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(error, options);
    if (error.exitCode === 0) return;
    const command = commandOf(program, words);
    const what =
      error.code === 'commander.help'
        ? `${command} needs a command after it`
        : error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
    report(fail('ADC_USAGE', { what, command }), options);
  }
}
