import { defineConfig } from 'tsdown';

const subjects = [
  'image',
  'geometry',
  'evaluation',
  'datasets',
  'training',
  'models',
  'language',
  'synthesis',
  'files',
] as const;

export default defineConfig({
  // Side by side, since weights and the package's version are found from where the code lies.
  entry: {
    index: 'src/index.ts',
    errors: 'src/errors.ts',
    ...Object.fromEntries(subjects.map((subject) => [subject, `src/exports/${subject}.ts`])),
  },
  format: 'esm',
  platform: 'node',
  target: 'node20',
  dts: true,
  fixedExtension: false,
  logLevel: 'error',
});
