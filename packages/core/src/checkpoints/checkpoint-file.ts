/** A checkpoint as a file of bytes that are read where they are asked for, and what is said of one that cannot be read. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { CodedError } from '@adclick/ortgrad';
import { fail } from '../errors.ts';
import { describeIoError, isMissing } from '../files.ts';
import { PickleFault } from './pickle.ts';

/** Bytes that are held of a file that is read from end to end. */
const PIECE = 2 ** 20;

/** A file open for reading; never held as a whole. */
export class CheckpointFile {
  private constructor(
    readonly path: string,
    /** Bytes. */
    readonly size: number,
    private readonly handle: FileHandle,
  ) {}

  /** @throws ADC_CHECKPOINT_MISSING, ADC_CHECKPOINT_DAMAGED for a folder or a file that the system does not read. */
  static async open(path: string): Promise<CheckpointFile> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, 'r');
      const found = await handle.stat();
      if (found.isFile()) return new CheckpointFile(path, found.size, handle);
    } catch (cause) {
      await handle?.close();
      if (isMissing(cause)) throw fail('ADC_CHECKPOINT_MISSING', { path }, cause);
      throw fail('ADC_CHECKPOINT_DAMAGED', { path, what: describeIoError(cause) }, cause);
    }
    await handle.close();
    throw fail('ADC_CHECKPOINT_DAMAGED', { path, what: 'it is no file' });
  }

  /** Fills an array with the bytes from a place on. @throws ADC_CHECKPOINT_DAMAGED when the file ends before. */
  async into(out: Uint8Array, at: number): Promise<void> {
    if (at + out.length > this.size) throw this.damaged(`it ends at byte ${this.size}, not ${at + out.length}`);
    for (let done = 0; done < out.length; ) {
      const { bytesRead } = await this.handle.read(out, done, out.length - done, at + done).catch((cause) => {
        throw this.damaged(describeIoError(cause), cause);
      });
      if (bytesRead === 0) throw this.damaged('it became shorter while it was read');
      done += bytesRead;
    }
  }

  /** So many bytes from a place on, in an array of their own. @throws ADC_CHECKPOINT_DAMAGED when the file ends before. */
  async bytes(at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    // What a file claims is believed as far as the file goes, before memory is taken.
    if (at + length > this.size) throw this.damaged(`it ends at byte ${this.size}, not ${at + length}`);
    const out = new Uint8Array(length);
    await this.into(out, at);
    return out;
  }

  /** Bytes from a place on, piece by piece in one array that is used again. */
  async *pieces(at = 0, length = this.size): AsyncGenerator<Uint8Array> {
    const piece = new Uint8Array(Math.min(length, PIECE));
    for (let done = 0; done < length; done += PIECE) {
      const some = piece.subarray(0, Math.min(PIECE, length - done));
      await this.into(some, at + done);
      yield some;
    }
  }

  async sha256(): Promise<string> {
    const hash = createHash('sha256');
    for await (const piece of this.pieces()) hash.update(piece);
    return hash.digest('hex');
  }

  damaged(what: string, cause?: unknown): CodedError {
    return fail('ADC_CHECKPOINT_DAMAGED', { path: this.path, what }, cause);
  }

  /** A pickle's fault as an error of this file; anything else as it is. */
  fault(error: unknown): unknown {
    if (!(error instanceof PickleFault)) return error;
    const code = error.kind === 'unsafe' ? 'ADC_CHECKPOINT_UNSAFE' : 'ADC_CHECKPOINT_DAMAGED';
    return fail(code, { path: this.path, what: error.message }, error);
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}
