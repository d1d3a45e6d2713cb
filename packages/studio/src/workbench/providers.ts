/** Which execution providers of onnxruntime work on this computer, and why the others do not. */
import { type Provider, Remote, startProcess } from '@adclick/ortgrad';
import { entryUrl } from '../engine/entries.ts';

/** One row of the doctor's table. */
export interface ProviderReport {
  readonly name: Provider;
  readonly usable: boolean;
  /** Milliseconds from starting the worker to the first result. */
  readonly milliseconds?: number;
  readonly reason?: string;
}

/** How a probe went. */
export interface ProbeResult {
  readonly usable: boolean;
  readonly milliseconds: number;
  /** Why it is not usable, in onnxruntime's words. */
  readonly reason?: string;
}

/** What the probe's process is asked. */
export interface ProbeCalls {
  probe: { request: { readonly provider: Provider }; answer: ProbeResult };
}

/** Where each provider can exist at all, and what it asks of the computer. */
const NEEDS: Readonly<Record<Exclude<Provider, 'wasm'>, { systems: readonly NodeJS.Platform[]; needs: string }>> = {
  cpu: { systems: ['linux', 'darwin', 'win32'], needs: 'the files of onnxruntime-node' },
  webgpu: { systems: ['linux', 'darwin', 'win32'], needs: 'a GPU with a Vulkan, Metal or Direct3D 12 driver' },
  cuda: {
    systems: ['linux', 'win32'],
    needs: 'an NVIDIA GPU, CUDA 12, and the files that the install script of onnxruntime-node fetches',
  },
  directml: { systems: ['win32'], needs: 'Direct3D 12' },
  coreml: { systems: ['darwin'], needs: 'Core ML' },
};

const PROBE_TIMEOUT_MS = 30_000;
/** Drivers keep shaders that they have compiled below the home folder (Mesa, NVIDIA, CUDA); a probe is not worth that. */
const NO_SHADER_CACHE = { MESA_SHADER_CACHE_DISABLE: 'true', __GL_SHADER_DISK_CACHE: '0', CUDA_CACHE_DISABLE: '1' };

/** The last sentence of a native message, without the source location in front of it. */
function shorten(reason: string): string {
  const line = reason.trim().split('\n')[0] ?? '';
  return line
    .replace(/^\/\S+\.cc:\d+ .* was false\. /, '')
    .replace(/^no available backend found\. ERR: /, '')
    .replace(/^\[\w+\] /, '');
}

/**
 * Runs the probe in a process of its own: a driver that aborts takes only that process along, and what native code
 * writes to stderr stays out of the answer.
 */
async function probe(provider: Provider, signal?: AbortSignal): Promise<ProbeResult> {
  const wire = startProcess(entryUrl('provider-probe'), { env: { ...process.env, ...NO_SHADER_CACHE } });
  const remote = new Remote<ProbeCalls>(wire, (what) => new Error(what));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    wire.kill?.();
  }, PROBE_TIMEOUT_MS);
  const kill = () => wire.kill?.();
  signal?.addEventListener('abort', kill, { once: true });
  try {
    return await remote.call('probe', { provider });
  } catch (error) {
    const reason = late ? 'no answer in 30 seconds' : (error as Error).message;
    return { usable: false, milliseconds: 0, reason };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', kill);
    // A driver may work for ever in another thread: what has answered need not end by itself.
    await remote.close({ patience: 0 });
  }
}

/** Tries every provider. Those that cannot exist on this system are not started. Throws the signal's reason. */
export async function checkProviders(
  platform: NodeJS.Platform = process.platform,
  signal?: AbortSignal,
): Promise<ProviderReport[]> {
  return Promise.all(
    (Object.keys(NEEDS) as (keyof typeof NEEDS)[]).map(async (name): Promise<ProviderReport> => {
      const { systems, needs } = NEEDS[name];
      if (!systems.includes(platform))
        return { name, usable: false, reason: `does not exist on ${platform}; needs ${needs}` };
      const { usable, milliseconds, reason } = await probe(name, signal);
      signal?.throwIfAborted();
      if (usable) return { name, usable, milliseconds };
      return { name, usable, reason: `${shorten(reason ?? 'unknown')}; needs ${needs}` };
    }),
  );
}
