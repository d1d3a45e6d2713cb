/** The labelling page is built into the folder from which `adclick serve` hands it out. */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Where `npm run dev` finds a running `adclick serve`. */
const SERVER = 'http://127.0.0.1:4280';

export default defineConfig({
  root: import.meta.dirname,
  // Files are named relative to the page: a proxy may put it into a folder.
  base: './',
  plugins: [react()],
  resolve: { conditions: ['@adclick/source', 'module', 'browser', 'production'] },
  build: {
    outDir: '../studio/page',
    emptyOutDir: true,
    target: 'es2022',
    // The server's content security policy allows no data: scripts; everything is a file of its own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // What the page is made of is under licences that ask to be passed on.
    license: { fileName: 'licences.json' },
    // One file: it comes from the same computer or the same network, once.
    chunkSizeWarningLimit: 800,
  },
  server: { proxy: { '/api': SERVER } },
});
