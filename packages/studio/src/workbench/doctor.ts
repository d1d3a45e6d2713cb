/** What `adclick doctor` finds out about the computer it runs on. */
import { statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, freemem, platform, release, totalmem } from 'node:os';
import { type FileCheck, verifyModels } from '../project/model-files.ts';
import { VERSION } from '../version.ts';
import { judgeNode, TESTED_NAMES } from './node-support.ts';
import { checkProviders, type ProviderReport } from './providers.ts';

export interface DoctorReport {
  readonly ok: boolean;
  readonly versions: Readonly<Record<'adclick' | 'node' | 'onnxruntime' | 'sharp', string>>;
  /** Versions of Node.js that the tests run on. */
  readonly testedNodes: readonly string[];
  readonly system: string;
  readonly cpu: { readonly model: string; readonly cores: number; readonly usable: number };
  /** Bytes. */
  readonly memory: { readonly total: number; readonly free: number };
  /** Bytes of the disk that the given folder is on. */
  readonly disk: { readonly path: string; readonly total: number; readonly free: number };
  readonly providers: readonly ProviderReport[];
  readonly models: readonly FileCheck[];
  /** What should be put right, in words; empty when all is well. */
  readonly problems: readonly string[];
  /** What works but will not for ever, in words. */
  readonly warnings: readonly string[];
}

/** Memory below which labelling at 512 px becomes unreliable. */
const MEMORY_WANTED = 2 * 2 ** 30;
const DISK_WANTED = 2 ** 30;

/** Version of a package that is installed for another one, whose own entry point may not resolve from here. */
function versionOf(name: string, through: readonly string[] = []): string {
  try {
    let require = createRequire(import.meta.url);
    for (const step of through) require = createRequire(require.resolve(step));
    for (const folder of require.resolve.paths(name) ?? []) {
      try {
        return (require(`${folder}/${name}/package.json`) as { version: string }).version;
      } catch {
        // Not in this folder.
      }
    }
  } catch {
    // One of the packages on the way is not there.
  }
  return 'not found';
}

/** Looks at everything. @param directory a folder on the disk that projects are kept on. */
export async function examine(directory: string, signal?: AbortSignal): Promise<DoctorReport> {
  const [providers, models, disk] = await Promise.all([
    checkProviders(platform(), signal),
    verifyModels(),
    statfs(directory),
  ]);
  const space = { path: directory, total: disk.blocks * disk.bsize, free: disk.bavail * disk.bsize };
  const memory = { total: totalmem(), free: freemem() };
  const node = judgeNode(process.versions.node, new Date());
  const problems = node.problem ? [node.problem] : [];
  const cpu = providers.find(({ name }) => name === 'cpu');
  if (!cpu?.usable) problems.push(`onnxruntime does not run on the CPU: ${cpu?.reason}`);
  for (const { file, ok, what } of models) if (!ok) problems.push(`model file ${file} ${what}`);
  if (memory.total < MEMORY_WANTED) problems.push('less than 2 GB of memory');
  if (space.free < DISK_WANTED) problems.push(`less than 1 GB free on the disk of ${directory}`);
  return {
    ok: problems.length === 0,
    versions: {
      adclick: VERSION,
      node: process.versions.node,
      onnxruntime: versionOf('onnxruntime-node', ['@adclick/ortgrad']),
      sharp: versionOf('sharp', ['@adclick/core']),
    },
    testedNodes: TESTED_NAMES,
    system: `${platform()} ${release()} ${arch()}`,
    cpu: { model: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length, usable: availableParallelism() },
    memory,
    disk: space,
    providers,
    models,
    problems,
    warnings: node.warning ? [node.warning] : [],
  };
}
