/** Whether an installation is as large as docs/install.md says, and works without the files that it says can go. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { execute, expect, root } from './steps.ts';

/** Share by which an install of today may differ: packages of others grow between their releases. */
const TOLERANCE = 0.03;

/** Megabytes of all files in a folder. */
function megabytes(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0) / 1e6;
}

/** Compares a folder's packages with a row of the table of docs/install.md. */
function compare(consumer: string, text: string, row: string): void {
  const said = Number(new RegExp(`^\\| ${row} \\| (\\d+) \\|$`, 'm').exec(text)?.[1]);
  const is = megabytes(join(consumer, 'node_modules'));
  expect(Math.abs(is / said - 1) <= TOLERANCE, `docs/install.md says ${said} MB ${row}, it is ${is.toFixed(0)} MB`);
}

/** Measures what was installed in a folder, takes away what can go by the documented command, and measures again. */
export async function checkFootprint(consumer: string): Promise<void> {
  const text = readFileSync(join(root, 'docs', 'install.md'), 'utf8');
  const packages = readdirSync(join(consumer, 'node_modules'));
  expect(!packages.includes('onnxruntime-web'), 'onnxruntime-web is installed though nobody asked for it');
  const command = /^node -e "(.*)"$/m.exec(text)?.[1];
  if (!command) throw new Error('docs/install.md has lost its command');
  // The figures are those of this system.
  const measured = process.platform === 'linux' && process.arch === 'x64';
  if (measured) compare(consumer, text, 'on the disk');
  await execute(process.execPath, ['-e', command], { cwd: consumer });
  if (measured) compare(consumer, text, 'on the disk without the files for other systems');
}
