/** Help, exit codes and wrong usage of the command line. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createProgram } from '../src/cli/main.ts';
import { judgeNode } from '../src/workbench/node-support.ts';
import { adclick, errorCode } from './command.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

type Program = Awaited<ReturnType<typeof createProgram>>;

/** Every command of the tree, as its words. */
function commandsOf(program: Program): string[][] {
  const found: string[][] = [[]];
  const visit = (command: Program, words: string[]) => {
    for (const child of command.commands) {
      found.push([...words, child.name()]);
      visit(child, [...words, child.name()]);
    }
  };
  visit(program, []);
  return found;
}

const commands = commandsOf(await createProgram());

describe('help', () => {
  test.each(commands.map((words) => [words.join(' ') || 'adclick', words] as const))(
    '%s shows an example',
    async (_, words) => {
      let shown = '';
      const program = await createProgram();
      let at = program;
      for (const word of words) at = at.commands.find((command) => command.name() === word) as typeof program;
      at.configureOutput({ writeOut: (text) => (shown += text) });
      at.outputHelp();
      expect(shown).toMatch(new RegExp(`\\$ adclick ${words.join(' ')}`.trim()));
    },
  );

  test('a command alone is the same as among the others', async () => {
    const names = new Set(commands.flatMap(([name]) => name ?? []));
    for (const name of names)
      expect(commandsOf(await createProgram(name))).toEqual([[], ...commands.filter(([first]) => first === name)]);
    expect(commandsOf(await createProgram('--help'))).toEqual(commands);
  });

  test('every command that does something takes --json', async () => {
    const all: string[] = [];
    const visit = (command: Program) => {
      if (command.commands.length === 0) all.push(command.options.map((option) => option.long).join(' '));
      for (const child of command.commands) visit(child);
    };
    visit(await createProgram());
    expect(all.length).toBeGreaterThan(8);
    for (const options of all) expect(options).toMatch(/--json/);
  });

  test('adclick --help and adclick alone print it on stdout and end with 0', async () => {
    const [asked, alone] = await Promise.all([adclick(['--help']), adclick([])]);
    for (const { code, stdout, stderr } of [asked, alone]) {
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^Usage: adclick/);
    }
  });

  test('--version is the version of the package', async () => {
    expect(await adclick(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('wrong usage', () => {
  test.each([
    ['an unknown command', ['lable'], 'Did you mean label'],
    ['nothing to predict on', ['predict', '--project', '.'], 'PATHS'],
    [
      'an image score that is none',
      ['evaluate', 'detection', '--data', 'x', '--category', 'y', '--image-score', 'median'],
      'topk:PIXELS',
    ],
    [
      'a detector that is no ONNX',
      ['evaluate', 'detection', '--data', 'x', '--category', 'y', '--weights', 'a.pt'],
      '.onnx',
    ],
    ['an unknown option', ['doctor', '--verbose'], "unknown option '--verbose'"],
    ['too many arguments', ['doctor', 'x'], 'too many arguments'],
    ['a missing option', ['evaluate', 'clicks', '--data', 'x'], '--category'],
    ['a missing picture', ['label', '--project', '.', '--click', '1,2,+'], 'IMAGE'],
    ['no clicks', ['label', 'a.png', '--project', '.'], '--click'],
    ['a click without sign', ['label', 'a.png', '--project', '.', '--click', '1,2'], "'1,2' is no click"],
    ['a mask that is no PNG', ['label', 'a.png', '--project', '.', '--click', '1,2,+', '--out', 'm.jpg'], '.png'],
    [
      'the mask over the picture',
      ['label', 'a.png', '--project', '.', '--click', '1,2,+', '--out', './a.png'],
      'different files',
    ],
    ['a number that is none', ['train', 'click', '--steps', 'many'], 'whole number'],
    ['a width beyond all use', ['train', 'click', '.', '--preset', 'paper', '--width', '1024000'], 'at most 2048'],
    ['a width of our own network', ['train', 'click', '.', '--width', '64'], '--preset paper'],
    ['a width beside weights', ['train', 'click', '.', '--from', 'x', '--width', '64'], '--from'],
    ['words beside weights', ['train', 'click', '.', '--category', 'x', '--text-encoder', 'minilm-l6'], '--category'],
    [
      'words of the published network',
      ['train', 'click', '.', '--preset', 'paper', '--text-encoder', 'minilm-l6'],
      'language',
    ],
    ['a sample product that is none', ['demo', '--no-train', '--product', 'spaceship'], 'machined-ring'],
    ['a group without a command', ['models'], 'needs a command'],
    ['init without a terminal', ['init', '.'], '--yes'],
  ])('%s: one ADC_USAGE line, exit 2', async (_, args, said) => {
    const ended = await adclick(args);
    expect(errorCode(ended), ended.stderr).toBe('ADC_USAGE');
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toContain(said);
  });

  test('a watched run is refused as one object', async () => {
    const ended = await adclick(['predict', '.', '--project', '.', '--watch', '--json']);
    expect(ended.code).toBe(2);
    expect(JSON.parse(ended.stdout).error).toMatchObject({
      code: 'ADC_USAGE',
      message: expect.stringContaining('--watch'),
    });
  });

  test('with --json stdout carries the error as an object', async () => {
    const ended = await adclick(['doctor', '--json', '--verbose']);
    expect(ended.code).toBe(2);
    expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: 'ADC_USAGE' } });
  });
});

test('doctor answers with what it found, without colours and without noise of native code', async () => {
  const { stdout, stderr, code } = await adclick(['doctor', '--json']);
  const report = JSON.parse(stdout) as {
    ok: boolean;
    problems: string[];
    warnings: string[];
    providers: { name: string; usable: boolean; reason?: string }[];
  };
  expect(stderr).toBe('');
  expect(code).toBe(report.ok ? 0 : 1);
  expect(report.problems).toEqual([]);
  // Of the version of Node.js alone, and the installation is sound all the same.
  const { warning } = judgeNode(process.versions.node, new Date());
  expect(report.warnings).toEqual(warning ? [warning] : []);
  expect(report.providers.find(({ name }) => name === 'cpu')?.usable).toBe(true);
  for (const { usable, reason } of report.providers) if (!usable) expect(reason).toMatch(/needs .{5}/);
});
