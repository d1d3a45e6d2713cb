/**
 * The files of a reference index: `index.json`, written last, and the tables and descriptors it names. These never change under their
 * names, so that an index that is open goes on reading its own; those of the index before stay until one after this is written.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeSafetensors, encodeSafetensors, removeIfPossible, tensor } from '@adclick/ortgrad';
import { z } from 'zod';
import { fail } from '../errors.ts';
import { describeIoError, isMissing, writeFileAtomic } from '../files.ts';
import { FULL_RANGES, type SampleType, type Span, type Windows } from '../image/samples.ts';
import { isDeep } from '../image/window.ts';
import { shardFile } from './bank.ts';
import type { Codebook } from './k-means.ts';

/** Changes whenever descriptors or files of older indexes no longer fit. */
export const FORMAT = 'adclick-index/1';
/** Of an index whose pictures are seen through a window, which version 0.1.0 does not know. */
const FORMAT_WINDOWS = 'adclick-index/2';

const FILE = 'index.json';
/** The index before, as it was: its files may still be read. */
const BEFORE = 'before.json';
const count = z.number().int().positive();

const sampleType = z.enum(Object.keys(FULL_RANGES) as SampleType[]);
const windowSchema = z
  .object({ low: z.number(), high: z.number() })
  .refine(({ low, high }) => low < high, 'low is not below high');

/** A window for each type of sample; in indexes and in detectors. */
export const windowsSchema: z.ZodType<Windows> = z.partialRecord(sampleType, windowSchema);

const settingsSchema = z.object({
  backbone: z.string(),
  /** SHA-256 of the backbone's weights. */
  weights: z.string(),
  /** Pixels of the model grid. */
  grid: z.object({ width: count, height: count }),
  /** Good pictures a residual is taken against (K). */
  neighbours: count,
  /** Radius of the match in tokens (delta). */
  radius: z.number().nonnegative(),
  /** Good pictures that calibrate, at most. */
  calibrationImages: count,
  seed: z.number().int(),
  /** Through which the models see samples of the good pictures' types; absent in indexes of version 0.1.0, which saw full ranges. */
  windows: windowsSchema.optional(),
});

const entrySchema = z.object({
  name: z.string(),
  /** Relative to the index's folder, with forward slashes. */
  path: z.string().optional(),
  /** SHA-256 of the file's bytes (or of the pixels of a picture without a file). */
  content: z.string(),
  /** Size of the upright original. */
  width: count,
  height: count,
  /** Between which values almost all of its samples lie; absent for 8 bits. */
  span: z.object({ type: sampleType, low: z.number(), high: z.number() }).optional(),
  /** Name of its descriptors: made of content and settings. */
  shard: z.string().regex(/^[0-9a-f]+$/),
});

const fileSchema = z.object({
  format: z.enum([FORMAT, FORMAT_WINDOWS]),
  settings: settingsSchema,
  images: z.array(entrySchema).min(1),
  tables: z.object({ file: z.string().regex(/^tables-[0-9a-f]+\.safetensors$/), sha256: z.string() }),
});

/** What an index was made with. */
export type IndexSettings = z.infer<typeof settingsSchema>;

/** One good picture of an index. */
export type IndexEntry = z.infer<typeof entrySchema>;

/** All of an index but the descriptors. */
export interface IndexContent {
  readonly settings: IndexSettings;
  /** Sorted by name. */
  readonly entries: readonly IndexEntry[];
  /** Absent in an index that never chooses among its pictures. */
  readonly codebook?: Codebook;
  /** One an entry; see histogramsOn. */
  readonly histograms: readonly Float32Array[];
  /** Normal level c of each channel. */
  readonly calibration: Float32Array;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/**
 * Writes tables, then `index.json` in one step: until then readers see the old index, and those who have it open keep it. One that cannot
 * be read is replaced all the same.
 * @param owned asked in between. @throws ADC_DISK, what `owned` throws.
 */
export async function writeIndex(
  directory: string,
  content: Required<IndexContent>,
  owned?: () => Promise<void>,
): Promise<void> {
  const { settings, entries, codebook, histograms, calibration } = content;
  const size = histograms[0]?.length ?? 0;
  const all = new Float32Array(histograms.length * size);
  for (const [i, histogram] of histograms.entries()) all.set(histogram, i * size);
  const { centres, channels } = codebook;
  const bytes = encodeSafetensors(
    new Map([
      ['codebook', tensor(centres, [centres.length / channels, channels])],
      ['histograms', tensor(all, [histograms.length, size])],
      ['calibration', tensor(calibration, [calibration.length])],
    ]),
  );
  const hash = sha256(bytes);
  const tables = { file: `tables-${hash.slice(0, 16)}.safetensors`, sha256: hash };
  await writeFileAtomic(join(directory, tables.file), bytes);
  const format = isDeep(settings.windows) ? FORMAT_WINDOWS : FORMAT;
  const json = `${JSON.stringify({ format, settings, images: entries, tables }, undefined, 1)}\n`;
  const path = join(directory, FILE);
  const old = await readNames(path);
  await owned?.();
  // The same one once more is no other one: what was before it still is.
  if (old !== json) {
    if (old !== undefined && filesOf(old).length > 0) await writeFileAtomic(join(directory, BEFORE), encode(old));
    await writeFileAtomic(path, encode(json));
  }
  // While nobody can tell what an index names, everything stays.
  if (old !== undefined) await removeOthers(directory);
}

/** A file that says what an index names: empty where there is none, undefined where it cannot be read. */
const readNames = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch((error) => (isMissing(error) ? '' : undefined));

const encode = (text: string) => new TextEncoder().encode(text);

/** Files that an index names; none for a text that is no index. */
function filesOf(text: string): string[] {
  try {
    const { tables, images } = fileSchema.parse(JSON.parse(text));
    return [tables.file, ...images.map(({ shard }) => shardFile(shard))];
  } catch {
    return [];
  }
}

/** Removes the files of indexes before the last one, and what builds that were cut off have left. */
async function removeOthers(directory: string): Promise<void> {
  const kept = new Set([FILE, BEFORE]);
  for (const name of [FILE, BEFORE]) {
    const text = await readNames(join(directory, name));
    if (text === undefined) return;
    for (const file of filesOf(text)) kept.add(file);
  }
  for (const name of await readdir(directory)) {
    const ours = name.endsWith('.shard') || name.startsWith('tables-');
    // Only one process builds: whatever is in the making is left over. In earlier versions its name did not say whose it is.
    const half = /^\.(?:index\.json|before\.json|tables-|[0-9a-f]+\.shard).*\.tmp$/.test(name);
    if (half || (ours && !kept.has(name))) await removeIfPossible(join(directory, name));
  }
}

async function readBytes(directory: string, file: string): Promise<Buffer> {
  try {
    return await readFile(join(directory, file));
  } catch (cause) {
    if (file === FILE && isMissing(cause)) throw fail('ADC_INDEX_MISSING', { path: directory }, cause);
    throw fail('ADC_INDEX_DAMAGED', { path: directory, what: `${file}: ${describeIoError(cause)}` }, cause);
  }
}

function parse(directory: string, bytes: Uint8Array): z.infer<typeof fileSchema> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw fail('ADC_INDEX_DAMAGED', { path: directory, what: `${FILE} is no JSON` }, cause);
  }
  const result = fileSchema.safeParse(json);
  if (result.success) return result.data;
  const format = (json as { format?: unknown } | null)?.format;
  if (typeof format === 'string' && format !== FORMAT)
    throw fail('ADC_INDEX_DAMAGED', { path: directory, what: `it was made by another version of ADClick (${format})` });
  const [issue] = result.error.issues;
  const where = issue?.path.join('.') || 'its content';
  throw fail('ADC_INDEX_DAMAGED', { path: directory, what: `${FILE}: ${where}: ${issue?.message}` }, result.error);
}

/**
 * What an index says of its pictures' samples, without opening it: where they lie, by content, and the windows they are seen through.
 * @throws ADC_INDEX_MISSING, ADC_INDEX_DAMAGED.
 */
export async function readSamples(
  directory: string,
): Promise<{ readonly spans: ReadonlyMap<string, Span>; readonly windows: Windows | undefined }> {
  const { settings, images } = parse(directory, await readBytes(directory, FILE));
  const spans = new Map(images.flatMap(({ content, span }) => (span ? [[content, span] as const] : [])));
  return { spans, windows: settings.windows };
}

/** @throws ADC_INDEX_MISSING when the folder holds none, ADC_INDEX_DAMAGED when it is not what was written. */
export async function readIndex(directory: string): Promise<Required<IndexContent>> {
  for (;;) {
    const bytes = await readBytes(directory, FILE);
    try {
      return await readContent(directory, bytes);
    } catch (error) {
      // An index that was replaced twice while it was read is no damaged one.
      if ((await readBytes(directory, FILE)).equals(bytes)) throw error;
    }
  }
}

async function readContent(directory: string, file: Uint8Array): Promise<Required<IndexContent>> {
  const { settings, images, tables } = parse(directory, file);
  const bytes = await readBytes(directory, tables.file);
  if (sha256(bytes) !== tables.sha256)
    throw fail('ADC_INDEX_DAMAGED', { path: directory, what: `${tables.file} is not what was written` });
  const { tensors } = decodeSafetensors(bytes, join(directory, tables.file));
  const table = (name: string) => {
    const found = tensors.get(name);
    if (!found) throw fail('ADC_INDEX_DAMAGED', { path: directory, what: `${tables.file} lacks ${name}` });
    return { data: found.data as Float32Array, columns: found.shape[found.shape.length - 1] };
  };
  const [codebook, histograms] = [table('codebook'), table('histograms')];
  if (histograms.data.length !== images.length * histograms.columns)
    throw fail('ADC_INDEX_DAMAGED', { path: directory, what: `${tables.file} and ${FILE} do not belong together` });
  return {
    settings,
    entries: images,
    codebook: { centres: codebook.data, channels: codebook.columns },
    histograms: images.map((_, i) => histograms.data.slice(i * histograms.columns, (i + 1) * histograms.columns)),
    calibration: table('calibration').data,
  };
}
