import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fail } from '../errors.ts';
import { run } from './run.ts';

const written = { stdout: '', stderr: '' };

beforeEach(() => {
  for (const name of ['stdout', 'stderr'] as const) {
    written[name] = '';
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += text;
      return true;
    });
  }
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = undefined;
});

test('prints the lines, or with --json only the object', async () => {
  const work = async () => ({ json: { pixels: 7 }, lines: ['seven', 'pixels'] });
  await run({}, work);
  expect(written.stdout).toBe('seven\npixels\n');
  written.stdout = '';
  await run({ json: true }, work);
  expect(JSON.parse(written.stdout)).toEqual({ pixels: 7 });
  expect(process.exitCode).toBe(0);
});

test('an unexpected failure is one ADC_INTERNAL line, with the stack of its cause under --debug', async () => {
  const work = async () => {
    throw new TypeError('x is not a function');
  };
  await run({}, work);
  expect(written.stderr).toMatch(/^ADC_INTERNAL: .*x is not a function.*\n$/);
  expect(process.exitCode).toBe(1);
  written.stderr = '';
  await run({ debug: true }, work);
  expect(written.stderr).toMatch(/TypeError: x is not a function\n +at /);
  written.stderr = '';
  vi.stubEnv('ADCLICK_DEBUG', '1');
  await run({}, work);
  expect(written.stderr).toMatch(/TypeError: x is not a function\n +at /);
});

test('a coded failure sets its own exit code', async () => {
  await run({}, async () => {
    throw fail('ADC_CLICK_OUTSIDE', { x: 9, y: 9, width: 5, height: 5 });
  });
  expect(process.exitCode).toBe(2);
  expect(written.stderr).toMatch(/^ADC_CLICK_OUTSIDE: Click 9,9 .*5 x 5\. .*\n$/);
});

test.each([
  ['SIGINT', 130, 'Ctrl-C'],
  ['SIGTERM', 143, 'SIGTERM'],
  ['SIGHUP', 129, 'SIGHUP'],
] as const)(
  '%s aborts the work, waits for it, and ends with %i even when the work failed of it in its own way',
  async (asked, exit, name) => {
    let cleaned = false;
    await run({}, async ({ signal }) => {
      process.emit(asked, asked);
      expect(signal.aborted).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 5));
      cleaned = true;
      throw new Error('the worker is gone');
    });
    expect(cleaned).toBe(true);
    expect(process.exitCode).toBe(exit);
    expect(written.stderr).toMatch(new RegExp(`^ADC_CANCELLED: Stopped by ${name}\\..*\\n$`));
    expect(written.stdout).toBe('');
    expect(process.listenerCount(asked)).toBe(0);
  },
);

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 0],
  ['SIGHUP', 0],
] as const)(
  'work that stays prints its answer first, and ends without a complaint on %s, with %i',
  async (asked, exit) => {
    let printed = '';
    await run({ json: true }, async () => ({
      json: { address: 'http://localhost/' },
      lines: [],
      async stay(signal) {
        printed = written.stdout;
        process.emit(asked, asked);
        expect(signal.aborted).toBe(true);
      },
    }));
    expect(JSON.parse(printed)).toEqual({ address: 'http://localhost/' });
    expect(process.exitCode).toBe(exit);
    expect(written.stderr).toBe('');
  },
);
