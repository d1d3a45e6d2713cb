/** Frozen networks from checkpoints of other programs: checked, written as safetensors with what is known of their source, and a card to read. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writeFileAtomic } from '@adclick/core/files';
import {
  ARCHITECTURES,
  type Architecture,
  Checkpoint,
  type Fit,
  fitOf,
  holds,
  numbersIn,
  writeImported,
} from '@adclick/core/models';
import { removeLeftovers } from '@adclick/ortgrad';
import { fail } from '../errors.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { NETWORK_FILE, NETWORK_KIND, ownFolder } from './model-files.ts';

/** File name of a card inside a model's folder. */
const CARD_FILE = 'README.md';

/** What is known of an imported network; in its file, as `card`. */
export interface NetworkCard {
  readonly name: string;
  readonly source: {
    readonly file: string;
    readonly format: string;
    readonly bytes: number;
    readonly sha256: string;
    /** Where it was fetched from, for one that was. */
    readonly address?: string;
    /** What stood before its names there. */
    readonly under: string;
  };
  readonly licence: string;
  readonly tensors: number;
  /** Numbers in all tensors. */
  readonly parameters: number;
  /** What the checkpoint had and the file has not: how many tensors of each kind. */
  readonly leftOut: Readonly<Record<string, number>>;
  /** Tensors of the checkpoint that were not of this network. */
  readonly beside: number;
}

export interface ImportNetworkOptions extends WorkOptions {
  /** As its source says; `unknown` when nobody has said it. */
  readonly licence?: string;
  /** Of a file that was fetched: from where, and its name there. */
  readonly fetched?: { readonly address: string; readonly file: string };
  /** Which of several networks in a checkpoint: what stands before its names. */
  readonly under?: string;
  /** Whether one of that name is replaced. */
  readonly replace?: boolean;
  /** Folder of models; default {@link ownFolder}. */
  readonly into?: string;
}

/** Text in a cell of a table: what would end the cell or the line is replaced. */
const cell = (text: string) => text.replace(/[|`\p{Cc}\p{Zl}\p{Zp}]/gu, '_');
const grouped = (value: number) => value.toLocaleString('en');

function cardText(card: NetworkCard, { what }: Architecture): string {
  const { name, source, licence, tensors, parameters, leftOut, beside } = card;
  const out = Object.entries(leftOut).map(([kind, count]) => `${kind} (${count})`);
  if (beside > 0) out.push(`what was beside the network (${beside})`);
  const rows = [
    ['what', what],
    ['licence', licence === 'unknown' ? 'unknown: ask whoever made the checkpoint' : cell(licence)],
    ['source', `\`${cell(source.file)}\`, ${source.format}, ${grouped(source.bytes)} bytes`],
    ...(source.address === undefined ? [] : [['fetched from', `<${cell(source.address)}>`]]),
    ['SHA-256 of the source', `\`${source.sha256}\``],
    ...(source.under === '' ? [] : [['names there begin with', `\`${cell(source.under)}\``]]),
    ['here', `${tensors} tensors, ${grouped(parameters)} numbers in float32`],
    ['left out (tensors)', out.join(', ') || 'nothing'],
  ];
  const table = rows.map(([key, value]) => `| ${key} | ${value} |`).join('\n');
  return `# ${name}\n\nTaken in by \`adclick models ${source.address === undefined ? 'import' : 'pull'}\`.\n\n| | |\n|---|---|\n${table}\n`;
}

function cardOf(
  checkpoint: Checkpoint,
  architecture: Architecture,
  fit: Fit,
  sha256: string,
  licence: string,
  { address, file }: { readonly address?: string; readonly file: string },
): NetworkCard {
  const { format, size: bytes } = checkpoint;
  return {
    name: architecture.name,
    source: { file, format, bytes, sha256, ...(address && { address }), under: fit.under },
    licence,
    tensors: architecture.tensors.length,
    parameters: numbersIn(architecture),
    leftOut: Object.fromEntries(fit.leftOut),
    beside: fit.beside,
  };
}

/** A network that was taken in. */
export interface ImportedNetwork {
  readonly path: string;
  readonly card: NetworkCard;
}

/** It, and those of its checkpoint that were taken in with it. */
export type ImportedNetworks = ImportedNetwork & { readonly with: readonly ImportedNetwork[] };

function architectureNamed(name: string): Architecture {
  const architecture = ARCHITECTURES.get(name);
  if (architecture) return architecture;
  const what = `There is no network ${name}, only ${[...ARCHITECTURES.keys()].join(', ')}`;
  throw fail('ADC_USAGE', { what, command: 'adclick models import' });
}

/**
 * Takes a checkpoint in as a network of the table, into the folder of models.
 * @param name of {@link ARCHITECTURES}.
 * @throws ADC_USAGE for other names, and what {@link importArchitecture} throws.
 */
export async function importNetwork(
  file: string,
  name: string,
  options: ImportNetworkOptions = {},
): Promise<ImportedNetworks> {
  const architecture = architectureNamed(name);
  const others = (architecture.with ?? []).map(architectureNamed);
  return importArchitecture(file, architecture, others, options);
}

/**
 * Takes a network in, and with it those of `others` that the checkpoint holds. All of them are held against it before one is written.
 * @throws ADC_MODEL_EXISTS, ADC_CHECKPOINT_MISSING, ADC_CHECKPOINT_KIND, ADC_CHECKPOINT_UNSAFE, ADC_CHECKPOINT_DAMAGED,
 * ADC_CHECKPOINT_MISFIT, ADC_WEIGHTS_DAMAGED (safetensors), ADC_DISK. The network that it happened to is then as it was before.
 */
export async function importArchitecture(
  file: string,
  architecture: Architecture,
  others: readonly Architecture[],
  { licence = 'unknown', fetched, under, replace, into = ownFolder(), signal, onProgress }: ImportNetworkOptions = {},
): Promise<ImportedNetworks> {
  const checkpoint = await Checkpoint.open(file);
  try {
    const all = [architecture, ...others.filter((one) => holds(checkpoint, one))];
    for (const { name } of all)
      if (!replace && existsSync(join(into, name, NETWORK_FILE))) throw fail('ADC_MODEL_EXISTS', { name });
    const fits = all.map((one) => fitOf(checkpoint, one, one === architecture ? under : undefined));
    const sha256 = await checkpoint.sha256();
    const named = fetched ?? { file: basename(checkpoint.path) };
    const total = all.reduce((sum, { tensors }) => sum + tensors.length, 0);
    const written: ImportedNetwork[] = [];
    let before = 0;
    for (const [i, one] of all.entries()) {
      const folder = join(into, one.name);
      const path = join(folder, NETWORK_FILE);
      const card = cardOf(checkpoint, one, fits[i], sha256, licence, named);
      await removeLeftovers(folder);
      await writeImported(path, checkpoint, one, fits[i], {
        metadata: {
          kind: NETWORK_KIND,
          card: JSON.stringify(card),
          ...(licence === 'unknown' ? {} : { license: licence }),
        },
        signal,
        onTensor: (done) => onProgress?.({ label: 'importing', done: before + done, total }),
      });
      // For people: whatever it says the file says itself.
      await writeFileAtomic(join(folder, CARD_FILE), new TextEncoder().encode(cardText(card, one)));
      written.push({ path, card });
      before += card.tensors;
    }
    const [first, ...rest] = written;
    return { ...first, with: rest };
  } finally {
    await checkpoint.close();
  }
}
