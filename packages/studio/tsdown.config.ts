import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: [
    'src/index.ts',
    'src/api.ts',
    'src/cli.ts',
    'src/provider-probe.ts',
    'src/engine-worker.ts',
    'src/training-process.ts',
  ],
  format: 'esm',
  platform: 'node',
  target: 'node20',
  dts: { entry: ['src/index.ts', 'src/api.ts'] },
  fixedExtension: false,
  logLevel: 'error',
});
