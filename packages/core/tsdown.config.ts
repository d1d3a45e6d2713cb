import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: { index: 'src/index.ts', rle: 'src/image/rle.ts' },
  format: 'esm',
  platform: 'node',
  target: 'node20',
  dts: true,
  fixedExtension: false,
  logLevel: 'error',
});
