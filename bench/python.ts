/** The Python of the yardsticks: the one named by ADCLICK_PYTHON, else a virtual environment bench/.venv, made when it is missing. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BENCH, say } from './child.ts';

const execute = promisify(execFile);

const REQUIREMENTS = join(BENCH, 'requirements.txt');
const ENVIRONMENT = join(BENCH, '.venv');
/** Holds the hash of the requirements that the environment was made from; written last. */
const READY = join(ENVIRONMENT, 'adclick-requirements.sha256');
const INSTALL_LIMIT_MS = 20 * 60_000;

const IMPORTS = 'import torch, sklearn, skimage, cv2, scipy, safetensors';

/** A Python that can run the yardsticks, or why there is none. */
export type Python = { readonly path: string } | { readonly path: undefined; readonly why: string };

const environmentPython = () =>
  process.platform === 'win32' ? join(ENVIRONMENT, 'Scripts', 'python.exe') : join(ENVIRONMENT, 'bin', 'python');

function message(error: unknown): string {
  const text = (error as { stderr?: string }).stderr || (error as Error).message;
  return text.trim().split('\n').at(-1) ?? 'unknown error';
}

async function works(path: string): Promise<string | undefined> {
  try {
    await execute(path, ['-c', IMPORTS], { timeout: 120_000 });
    return undefined;
  } catch (error) {
    return message(error);
  }
}

function install(path: string): Promise<void> {
  const args = ['-m', 'pip', 'install', '--timeout', '20', '--retries', '1', '--quiet', '-r', REQUIREMENTS];
  return new Promise((resolve, reject) => {
    const pip = spawn(path, args, { stdio: ['ignore', 2, 2], timeout: INSTALL_LIMIT_MS });
    pip.on('error', reject);
    pip.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`pip install ended with ${code}`))));
  });
}

async function makeEnvironment(): Promise<Python> {
  const wanted = createHash('sha256')
    .update(await readFile(REQUIREMENTS))
    .digest('hex');
  const path = environmentPython();
  if (existsSync(READY) && (await readFile(READY, 'utf8')) === wanted) return { path };
  say('Making bench/.venv for the yardsticks (PyTorch and others, about 3 GB on Linux; once)');
  try {
    const system = process.platform === 'win32' ? 'python' : 'python3';
    if (!existsSync(path)) await execute(system, ['-m', 'venv', ENVIRONMENT]);
    await install(path);
    await writeFile(READY, wanted);
    return { path };
  } catch (error) {
    return { path: undefined, why: `bench/.venv could not be made: ${message(error)}` };
  }
}

/**
 * Finds a Python with the yardsticks' packages; says on stderr when there is none.
 * @param wanted false for runs that leave the yardsticks out.
 */
export async function findPython(wanted = true): Promise<Python> {
  if (!wanted) return { path: undefined, why: 'left out by --no-yardsticks' };
  const named = process.env.ADCLICK_PYTHON;
  const found = named ? { path: named } : await makeEnvironment();
  const why = found.path === undefined ? found.why : await works(found.path);
  if (why === undefined) return found;
  say(`Yardsticks are missing, their figures and ratios are null: ${why}`);
  say('Mend: `python3 -m venv bench/.venv && bench/.venv/bin/pip install -r bench/requirements.txt`,');
  say('or name a Python that has these packages in ADCLICK_PYTHON.');
  return { path: undefined, why };
}
