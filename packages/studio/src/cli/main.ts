/** The command tree: parses arguments and turns wrong usage into the same kind of error line as everything else. */
import { fail as failCore } from '@adclick/core/errors';
import { describeIoError } from '@adclick/core/files';
import { Command, CommanderError } from 'commander';
import { fail } from '../errors.ts';
import { VERSION } from '../version.ts';
import { report } from './run.ts';

/** A command's own file, which imports all that the command works with; in the order in which people meet them. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  demo: async () => (await import('./demo.ts')).addDemo,
  init: async () => (await import('./init.ts')).addInit,
  index: async () => (await import('./index-command.ts')).addIndex,
  label: async () => (await import('./label.ts')).addLabel,
  serve: async () => (await import('./serve.ts')).addServe,
  import: async () => (await import('./import.ts')).addImport,
  export: async () => (await import('./export.ts')).addExport,
  prompts: async () => (await import('./prompts.ts')).addPrompts,
  train: async () => (await import('./train.ts')).addTrain,
  predict: async () => (await import('./predict.ts')).addPredict,
  adapt: async () => (await import('./adapt.ts')).addAdapt,
  evaluate: async () => (await import('./evaluate.ts')).addEvaluate,
  reproduce: async () => (await import('./reproduce.ts')).addReproduce,
  models: async () => (await import('./models.ts')).addModels,
  doctor: async () => (await import('./doctor.ts')).addDoctor,
};

/** The tree. @param name of the only command that is needed, which starts sooner without the others; whatever is none: all of them. */
export async function createProgram(name = ''): Promise<Command> {
  const program = new Command('adclick')
    .description('From a few clicks to a pixel-exact mask of a defect, given pictures of good parts.')
    .version(VERSION, '-v, --version')
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      '\nExample:\n  $ adclick demo --no-serve\n\n`adclick COMMAND --help` shows an example of each.',
    );
  const needed = Object.hasOwn(COMMANDS, name) ? [COMMANDS[name]] : Object.values(COMMANDS);
  for (const add of await Promise.all(needed.map((load) => load()))) add(program);
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
  const words = argv.slice(2);
  const program = await createProgram(words[0]);
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
