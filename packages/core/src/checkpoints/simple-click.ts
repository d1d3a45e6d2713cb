/** SimpleClick's checkpoints by its own names (isegm/utils/misc.py writes `state_dict` and `config`); tensors are taken as they are. */
import { CLICK_CHANNELS } from '../networks/adclick.ts';
import {
  innerWidths,
  MLP_RATIO,
  SIMPLE_CLICK,
  SIMPLE_CLICK_VIT_B,
  type SimpleClickShape,
} from '../networks/simple-click.ts';
import { type Architecture, asItIs, type Made } from './architecture.ts';

/** Tensors of our file, by the names that `networks/simple-click.ts` asks for. */
export function simpleClickNetwork(shape: SimpleClickShape = SIMPLE_CLICK_VIT_B): Architecture {
  const { side, patch, dim, depth, levels, head } = shape;
  const inner = innerWidths(shape);
  const both = (name: string, sides: readonly number[], outputs = sides[0]): Made[] => [
    asItIs(`${name}.weight`, sides),
    asItIs(`${name}.bias`, [outputs]),
  ];
  const norm = (name: string, channels: number) => both(name, [channels]);
  const enlarging = (name: string, from: number, to: number) => both(name, [from, to, 2, 2], to);
  const block = (name: string) => [
    ...norm(`${name}.norm1`, dim),
    ...both(`${name}.attn.qkv`, [3 * dim, dim]),
    ...both(`${name}.attn.proj`, [dim, dim]),
    ...norm(`${name}.norm2`, dim),
    ...both(`${name}.mlp.fc1`, [MLP_RATIO * dim, dim]),
    ...both(`${name}.mlp.fc2`, [dim, MLP_RATIO * dim]),
  ];
  const level = (name: string, first: number, from: number, to: number) => [
    ...both(`${name}.${first}`, [to, from, 1, 1]),
    ...norm(`${name}.${first + 1}`, to),
  ];
  return {
    name: SIMPLE_CLICK,
    what: 'SimpleClick with ViT-B for 448 pixels by its own names',
    landmark: 'patch_embed_coords.proj.weight',
    tensors: [
      ...both('patch_embed_coords.proj', [dim, CLICK_CHANNELS, patch, patch]),
      asItIs('backbone.pos_embed', [1, (side / patch) ** 2 + 1, dim]),
      ...both('backbone.patch_embed.proj', [dim, 3, patch, patch]),
      ...Array.from({ length: depth }, (_, i) => block(`backbone.blocks.${i}`)).flat(),
      ...enlarging('neck.down_4.0', dim, inner.down4),
      ...norm('neck.down_4.1', inner.down4),
      ...enlarging('neck.down_4.3', inner.down4, inner.down4 / 2),
      ...norm('neck.down_4.4', inner.down4 / 2),
      ...level('neck.down_4', 5, inner.down4 / 2, levels[0]),
      ...enlarging('neck.down_8.0', dim, inner.down8),
      ...norm('neck.down_8.1', inner.down8),
      ...level('neck.down_8', 2, inner.down8, levels[1]),
      ...level('neck.down_16', 0, dim, levels[2]),
      ...both('neck.down_32.0', [inner.down32, dim, 2, 2]),
      ...norm('neck.down_32.1', inner.down32),
      ...level('neck.down_32', 2, inner.down32, levels[3]),
      ...levels.flatMap((width, i) => both(`head.convs.${i}.conv`, [head, width, 1, 1])),
      ...both('head.fusion_conv.conv', [head, 4 * head, 1, 1]),
      ...both('head.conv_seg', [1, head, 1, 1]),
    ],
    leftOut: [
      { names: /^backbone\.(?:cls_token$|fc_norm\.|head\.)/, what: 'the class token and its head' },
      { names: /^head\.up_conv[12]\./, what: 'enlarging that the published networks do without' },
    ],
  };
}
