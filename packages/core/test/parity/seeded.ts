/**
 * Numbers that both sides of a comparison draw for themselves, so that a fixture holds answers alone: bench/reference/seeded.py has the
 * same in Python.
 */
import { elementCount, type Tensor, tensor } from '@adclick/ortgrad';

/** FNV-1a of a name's UTF-8 bytes. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** A well mixed number of 32 bits for each place: the finaliser of MurmurHash3. */
function mixed(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) >>> 0;
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 0;
  return (x ^ (x >>> 16)) >>> 0;
}

/** Numbers evenly spread over [mean − reach, mean + reach), the same for the same name. */
export function seeded(name: string, shape: readonly number[], reach: number, mean = 0): Tensor {
  const start = hashOf(name);
  const data = Float32Array.from(
    { length: elementCount(shape) },
    (_, i) => mean + reach * (mixed(start + Math.imul(i, 0x9e3779b9)) / 2 ** 31 - 1),
  );
  return tensor(data, shape);
}
