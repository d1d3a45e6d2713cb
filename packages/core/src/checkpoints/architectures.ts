/** The table of networks whose checkpoints can be taken in; one entry each. */
import type { Architecture } from './architecture.ts';
import { bertEncoder } from './bert-names.ts';
import { lavtEncoder } from './lavt.ts';
import { simpleClickNetwork } from './simple-click.ts';
import { wideResNet } from './wide-resnet.ts';

/** Networks by name. */
export const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map(
  [wideResNet(), bertEncoder(), lavtEncoder(), bertEncoder('lavt-bert'), simpleClickNetwork()].map((architecture) => [
    architecture.name,
    architecture,
  ]),
);
