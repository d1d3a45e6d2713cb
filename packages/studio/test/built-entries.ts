/** Stands for engine/entries.ts where `ADCLICK_CLI` names a built command: threads and processes start from that build, in a third of the time. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Entry } from '../src/engine/entries.ts';

const built = process.env.ADCLICK_CLI ?? '';

export const entryUrl = (name: Entry): URL => new URL(`./${name}.js`, pathToFileURL(resolve(built)));
