import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: { index: 'src/index.ts', geometry: 'src/geometry.ts' },
  format: 'esm',
  platform: 'node',
  target: 'node20',
  dts: true,
  fixedExtension: false,
  logLevel: 'error',
});
