import { expect, test } from 'vitest';
import { formatDuration, formatRate, ProgressBar } from './progress-bar.ts';

/** A terminal that keeps what is written, and a clock that is set by hand. */
function terminal(isTTY: boolean) {
  const state = { written: '', time: 0 };
  const stream = { isTTY, columns: 100, write: (text: string) => (state.written += text) };
  return { state, bar: new ProgressBar(stream, () => state.time) };
}

test('without a terminal, says how far it is every ten seconds, and nothing of what ends before', () => {
  const { state, bar } = terminal(false);
  for (let done = 0; done <= 25; done++) {
    state.time = 1000 + 900 * done;
    bar.show({ label: done < 20 ? 'indexing' : 'detecting', done, total: 25, detail: 'loss 0.1' });
    if (done === 11) expect(state.written).toBe('');
  }
  bar.clear();
  expect(state.written).toBe(
    'indexing  12/25  1.1/s  0:12 left  loss 0.1\ndetecting  24/25  1.1/s  0:01 left  loss 0.1\n',
  );
});

test('shows count, rate and remaining time', () => {
  const { state, bar } = terminal(true);
  state.time = 1000;
  bar.show({ label: 'indexing', done: 0, total: 100 });
  state.time = 11_000;
  bar.show({ label: 'indexing', done: 25, total: 100 });
  const last = state.written.split('\r').at(-1) ?? '';
  expect(last).toContain('25/100');
  expect(last).toContain('2.5/s');
  expect(last).toContain('0:30 left');
});

test('a new label starts the clock anew', () => {
  const { state, bar } = terminal(true);
  bar.show({ label: 'one', done: 0, total: 10 });
  state.time = 100_000;
  bar.show({ label: 'two', done: 5, total: 10 });
  state.time = 101_000;
  bar.show({ label: 'two', done: 7, total: 10 });
  expect(state.written.split('\r').at(-1)).toContain('2.0/s');
});

test('redraws rarely, but always when done', () => {
  const { state, bar } = terminal(true);
  bar.show({ label: 'x', done: 0, total: 1000 });
  for (let done = 1; done < 1000; done++) bar.show({ label: 'x', done, total: 1000 });
  expect(state.written.split('\r').length).toBeLessThan(4);
  bar.show({ label: 'x', done: 1000, total: 1000 });
  expect(state.written).toContain('1000/1000');
});

test('never wraps and clears what it drew', () => {
  const { state, bar } = terminal(true);
  bar.show({ label: 'a label that is long enough to wrap '.repeat(5), done: 3, total: 9 });
  const line = (state.written.split('\r').at(-1) ?? '').replace('\x1b[2K', '');
  expect(line.length).toBeLessThan(100);
  bar.clear();
  expect(state.written.endsWith('\r\x1b[2K')).toBe(true);
});

test('durations and rates read well', () => {
  expect(formatDuration(7.4)).toBe('0:07');
  expect(formatDuration(760)).toBe('12:40');
  expect(formatDuration(10_929)).toBe('3:02:09');
  expect(formatRate(100, 2)).toBe('50/s');
  expect(formatRate(1, 10)).toBe('10.0 s each');
  expect(formatRate(0, 10)).toBe('');
});
