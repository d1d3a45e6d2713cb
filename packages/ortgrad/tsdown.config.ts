import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: ['src/index.ts'],
  format: 'esm',
  platform: 'node',
  target: 'node20',
  dts: true,
  fixedExtension: false,
  logLevel: 'error',
  // An optional companion: only those who choose the provider 'wasm' have it.
  deps: { neverBundle: ['onnxruntime-web'] },
});
