/** Writes models/checksums.json: size and SHA-256 of every model file that ships. Run after weights have changed. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { modelChecksums } from './models.ts';

const folder = join(import.meta.dirname, '..', 'models');
const checksums = modelChecksums(folder);
writeFileSync(join(folder, 'checksums.json'), `${JSON.stringify(checksums, null, 2)}\n`);
process.stdout.write(`${Object.keys(checksums).length} files\n`);
