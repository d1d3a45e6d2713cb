import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    api: 'src/api.ts',
    cli: 'src/cli.ts',
    // Started as threads and processes, under the names of src/engine/entries.ts.
    'engine-worker': 'src/engine-worker.ts',
    'training-process': 'src/training-process.ts',
    'reading-thread': 'src/exchange/reading-thread.ts',
    'provider-probe': 'src/workbench/provider-probe.ts',
    'cell-process': 'src/workbench/reproduce/cell-process.ts',
  },
  format: 'esm',
  platform: 'node',
  target: 'node20',
  dts: { entry: ['src/index.ts', 'src/api.ts'] },
  fixedExtension: false,
  logLevel: 'error',
});
