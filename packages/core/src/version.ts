/** The version of this package, from its package.json (one folder up, both from source and from the bundle). */
import { createRequire } from 'node:module';

export const VERSION = (createRequire(import.meta.url)('../package.json') as { version: string }).version;
