import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@adclick/ortgrad';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

const broken = vi.hoisted(() => ({ step: '', times: 0, code: '', attempts: 0 }));

/** The real module, except that the step named in `broken` fails as a full disk does, after half of the bytes. */
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const full = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const open: typeof real.open = async (...args) => {
    const handle = await real.open(...args);
    if (!String(args[0]).endsWith('.tmp')) return handle;
    let calls = 0;
    const write = handle.write.bind(handle) as (data: Uint8Array, at: number, length: number) => Promise<unknown>;
    const replaced = {
      write: async (data: Uint8Array, at: number, length: number) => {
        if (broken.step === 'write' && calls++ > 0) throw full();
        return write(data, at, broken.step ? Math.max(1, length >> 1) : length);
      },
      sync: () => (broken.step === 'sync' ? Promise.reject(full()) : handle.sync()),
      chmod: (mode: number) => handle.chmod(mode),
      close: () => handle.close(),
    };
    return replaced as unknown as typeof handle;
  };
  const rename: typeof real.rename = async (from, to) => {
    if (broken.step === 'rename') throw full();
    broken.attempts++;
    if (broken.step === 'open elsewhere' && broken.attempts <= broken.times)
      throw Object.assign(new Error(`${broken.code}: operation not permitted, rename`), { code: broken.code });
    await real.rename(from, to);
  };
  return { ...real, open, rename };
});

const { writeFileAtomic } = await import('./files.ts');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-files-'));
});
afterEach(() => {
  broken.step = '';
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const bytes = (text: string) => new TextEncoder().encode(text);
const leftovers = async () => (await readdir(folder)).filter((name) => name.includes('.tmp'));

describe('writeFileAtomic', () => {
  test.each([
    ['EPERM', 1],
    ['EACCES', 3],
    ['EBUSY', 5],
  ])('a file that is open elsewhere on Windows (%s) is replaced as soon as it is closed', async (code, times) => {
    const path = join(folder, `open-${code}.bin`);
    await writeFileAtomic(path, bytes('what was there'));
    Object.assign(broken, { step: 'open elsewhere', times, code, attempts: 0 });
    await writeFileAtomic(path, bytes('new'));
    expect(broken.attempts).toBe(times + 1);
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await leftovers()).toEqual([]);
  });

  test.each(['EPERM', 'EACCES', 'EBUSY'])('a file that stays open elsewhere (%s) stays as it is', async (code) => {
    const path = join(folder, `kept-open-${code}.bin`);
    await writeFileAtomic(path, bytes('what was there'));
    Object.assign(broken, { step: 'open elsewhere', times: Number.POSITIVE_INFINITY, code, attempts: 0 });
    const error = (await writeFileAtomic(path, bytes('new')).catch((e) => e)) as CodedError;
    expect(error.code).toBe('ADC_DISK');
    expect(error.message).toContain(`(${code})`);
    expect(broken.attempts).toBeGreaterThan(3);
    expect(await readFile(path, 'utf8')).toBe('what was there');
    expect(await leftovers()).toEqual([]);
  });

  test('names of the greatest length leave room for the temporary file', async () => {
    for (const name of ['a'.repeat(255), '螺'.repeat(85), 'é'.repeat(127), '😀'.repeat(63)]) {
      await writeFileAtomic(join(folder, name), bytes('content'));
      expect(await readFile(join(folder, name), 'utf8')).toBe('content');
    }
  });

  test.each(['write', 'sync', 'rename'])('a disk that fills up at %s keeps the old file', async (step) => {
    const path = join(folder, `index-${step}.bin`);
    await writeFileAtomic(path, bytes('what was there'));
    broken.step = step;
    const error = (await writeFileAtomic(path, bytes('something new and longer')).catch((e) => e)) as CodedError;
    expect(error).toBeInstanceOf(CodedError);
    expect(error.code).toBe('ADC_DISK');
    expect(error.message).toContain('no space left on the disk (ENOSPC)');
    expect(error.message).toContain(path);
    expect((error.cause as NodeJS.ErrnoException).code).toBe('ENOSPC');
    broken.step = '';
    expect(await readFile(path, 'utf8')).toBe('what was there');
    expect(await leftovers()).toEqual([]);
  });

  test('short writes are continued', async () => {
    broken.step = 'short';
    const path = join(folder, 'short.txt');
    await writeFileAtomic(path, bytes('written half by half'));
    expect(await readFile(path, 'utf8')).toBe('written half by half');
  });

  test('pieces, new folders, empty content', async () => {
    const path = join(folder, 'a', 'b', 'pieces.txt');
    async function* pieces() {
      yield bytes('one ');
      yield bytes('two');
    }
    await writeFileAtomic(path, pieces());
    expect(await readFile(path, 'utf8')).toBe('one two');
    await writeFileAtomic(path, new Uint8Array(0));
    expect((await stat(path)).size).toBe(0);
  });

  test('an error of the producer passes through and leaves nothing behind', async () => {
    const path = join(folder, 'producer.txt');
    await writeFileAtomic(path, bytes('old'));
    function* pieces() {
      yield bytes('new');
      throw new Error('decoder broke');
    }
    await expect(writeFileAtomic(path, pieces())).rejects.toThrow('decoder broke');
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await leftovers()).toEqual([]);
  });

  test('a link keeps pointing where it did', async () => {
    const target = join(folder, 'target.txt');
    const link = join(folder, 'link.txt');
    await writeFileAtomic(target, bytes('old'));
    await symlink(target, link);
    await writeFileAtomic(link, bytes('new'));
    expect(await readFile(target, 'utf8')).toBe('new');
    expect((await readdir(folder, { withFileTypes: true })).find((e) => e.name === 'link.txt')?.isSymbolicLink()).toBe(
      true,
    );
  });

  test('many writers at once leave one of their contents, whole', async () => {
    const path = join(folder, 'race.txt');
    const contents = Array.from({ length: 12 }, (_, i) => String(i).repeat(5000));
    await Promise.all(contents.map((content) => writeFileAtomic(path, bytes(content))));
    expect(contents).toContain(await readFile(path, 'utf8'));
    expect(await leftovers()).toEqual([]);
  });

  test('a path that runs through a file', async () => {
    const path = join(folder, 'plain.txt');
    await writeFile(path, 'x');
    await expect(writeFileAtomic(join(path, 'below.txt'), bytes('y'))).rejects.toMatchObject({ code: 'ADC_DISK' });
  });

  test('the permissions of the old file are kept', async () => {
    if (process.platform === 'win32') return;
    const path = join(folder, 'mode.txt');
    await writeFileAtomic(path, bytes('old'));
    await chmod(path, 0o640);
    await writeFileAtomic(path, bytes('new'));
    expect((await stat(path)).mode & 0o777).toBe(0o640);
  });

  const tiny = 'mount -t tmpfs -o size=64k none "$0" && cd "$0"';
  const canMount = () => {
    try {
      execFileSync('unshare', ['-rm', 'sh', '-c', tiny, tmpdir()], { stdio: 'ignore' });
      return true;
    } catch {
      console.warn('files.test: no right to mount a small disk here, the test on a really full disk is skipped');
      return false;
    }
  };

  test.skipIf(!canMount())('a really full disk', () => {
    const script = `
      import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
      import { writeFileAtomic } from ${JSON.stringify(new URL('files.ts', import.meta.url).href)};
      writeFileSync('keep.bin', 'old');
      const error = await writeFileAtomic('keep.bin', new Uint8Array(200_000)).catch((e) => e);
      console.log(JSON.stringify([error.code, error.details?.what, readFileSync('keep.bin', 'utf8'), readdirSync('.')]));`;
    const run = `${tiny} && "$1" --conditions=@adclick/source --import "$2" --input-type=module -e "$3"`;
    const args = [folder, process.execPath, import.meta.resolve('tsx'), script];
    const out = execFileSync('unshare', ['-rm', 'sh', '-c', run, ...args], { encoding: 'utf8' });
    expect(JSON.parse(out)).toEqual(['ADC_DISK', 'no space left on the disk (ENOSPC)', 'old', ['keep.bin']]);
  });
});
