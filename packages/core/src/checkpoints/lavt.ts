/**
 * LAVT's encoder by the names of LAVT (lib/segmentation.py, lib/backbone.py), for the graph in networks/lavt-swin.ts. Names stay, without
 * the `backbone.` in front; matrices, and convolutions of one place, become (inputs, outputs).
 */
import { TEXT_ENCODERS } from '../language/text-encoder.ts';
import { LAVT_SWIN_B, type LavtSettings, MLP_RATIO, PATCH } from '../networks/lavt-swin.ts';
import { type Architecture, asItIs, type Made } from './architecture.ts';

/** What stands before the encoder's names in LAVT's checkpoints. */
const UNDER = 'backbone.';

const renamed = (made: Made): Made => ({
  ...made,
  from: made.from.map((one) => ({ ...one, name: `${UNDER}${one.name}` })),
});

/** A matrix [outputs, inputs, 1 …] as [inputs, outputs]. */
function turned(name: string, inputs: number, outputs: number, ones: readonly number[] = []): Made {
  return {
    name,
    shape: [inputs, outputs],
    from: [{ name, shape: [outputs, inputs, ...ones] }],
    make: ([numbers]) => {
      const out = new Float32Array(numbers.length);
      for (let o = 0; o < outputs; o++) for (let i = 0; i < inputs; i++) out[i * outputs + o] = numbers[o * inputs + i];
      return out;
    },
  };
}

const norm = (name: string, channels: number): Made[] => [
  asItIs(`${name}.weight`, [channels]),
  asItIs(`${name}.bias`, [channels]),
];

const dense = (name: string, inputs: number, outputs: number, ones: readonly number[] = []): Made[] => [
  turned(`${name}.weight`, inputs, outputs, ones),
  asItIs(`${name}.bias`, [outputs]),
];

function block(name: string, channels: number, heads: number, window: number): Made[] {
  const hidden = MLP_RATIO * channels;
  return [
    ...norm(`${name}.norm1`, channels),
    asItIs(`${name}.attn.relative_position_bias_table`, [(2 * window - 1) ** 2, heads]),
    ...dense(`${name}.attn.qkv`, channels, 3 * channels),
    ...dense(`${name}.attn.proj`, channels, channels),
    ...norm(`${name}.norm2`, channels),
    ...dense(`${name}.mlp.fc1`, channels, hidden),
    ...dense(`${name}.mlp.fc2`, hidden, channels),
  ];
}

/** Convolutions of one place, of one axis. */
const fusion = (name: string, channels: number, words: number): Made[] =>
  [
    ['vis_project', channels] as const,
    ['image_lang_att.f_key', words] as const,
    ['image_lang_att.f_query', channels] as const,
    ['image_lang_att.f_value', words] as const,
    ['image_lang_att.W', channels] as const,
    ['project_mm', channels] as const,
  ].flatMap(([part, inputs]) => dense(`${name}.${part}.0`, inputs, channels, [1]));

/** Tensors of our file have the names that `lavtMaps` asks for. */
export function lavtEncoder(
  { embed, depths, heads, window }: LavtSettings = LAVT_SWIN_B,
  words: number = TEXT_ENCODERS['lavt-bert'].shape.dims,
): Architecture {
  const last = depths.length - 1;
  const stage = (depth: number, i: number): Made[] => {
    const [name, channels] = [`layers.${i}`, embed * 2 ** i];
    const onwards = [
      turned(`${name}.res_gate.0.weight`, channels, channels),
      turned(`${name}.res_gate.2.weight`, channels, channels),
      ...norm(`${name}.downsample.norm`, 4 * channels),
      turned(`${name}.downsample.reduction.weight`, 4 * channels, 2 * channels),
    ];
    return [
      ...Array.from({ length: depth }, (_, j) => block(`${name}.blocks.${j}`, channels, heads[i], window)).flat(),
      ...fusion(`${name}.fusion`, channels, words),
      ...(i < last ? onwards : []),
      ...norm(`norm${i}`, channels),
    ];
  };
  const tensors = [
    asItIs('patch_embed.proj.weight', [embed, 3, PATCH, PATCH]),
    asItIs('patch_embed.proj.bias', [embed]),
    ...norm('patch_embed.norm', embed),
    ...depths.flatMap(stage),
  ];
  return {
    name: 'lavt',
    what: "LAVT's image–language encoder (Swin-B, windows of 12) by the names of LAVT",
    landmark: `${UNDER}layers.0.fusion.project_mm.0.weight`,
    tensors: tensors.map(renamed),
    with: ['lavt-bert'],
    leftOut: [
      { names: /^classifier\./, what: 'the decoder (classifier)' },
      { names: /^text_encoder\./, what: 'BERT (text_encoder), which is lavt-bert' },
      { names: new RegExp(`^${UNDER}layers\\.${last}\\.res_gate\\.`), what: 'the last gate, which nothing reads' },
      { names: /\.relative_position_index$/, what: 'numbers of places' },
    ],
  };
}
