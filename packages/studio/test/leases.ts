/** Leases that other processes take over while work goes on under them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { leaseFolder, type Owner } from '../src/project/lease.ts';

/** Another computer takes a lease over, as after a long silence of its owner. At once, so that it can be done in the middle of anything. */
export function takeOver(root: string, name: string, host = 'bench-3'): void {
  const path = join(leaseFolder(root), `${name}.lock`);
  const owner = JSON.parse(readFileSync(path, 'utf8')) as Owner;
  const id = '00000000-0000-0000-0000-000000000000';
  writeFileSync(path, JSON.stringify({ ...owner, id, host, machine: '00000000' }));
}
