// Bundles a test page to page.js and page.css. Arguments: entry file, output folder.
// It runs in a separate process, because Vite's native parts do not work inside Jest's modules.
import { build } from 'vite';

const [, , entry, outDir] = process.argv;
const react18 = process.env.PAGE_REACT === '18';
await build({
  configFile: false,
  logLevel: 'error',
  // The development build of React has more checks, and mounts twice in StrictMode.
  mode: 'development',
  define: { 'process.env.NODE_ENV': JSON.stringify(process.env.PAGE_MODE ?? 'development') },
  ...(react18 && { resolve: { alias: { react: 'react-18', 'react-dom': 'react-dom-18' } } }),
  build: {
    outDir,
    emptyOutDir: false,
    minify: false,
    modulePreload: false,
    rolldownOptions: {
      input: entry,
      output: { entryFileNames: 'page.js', assetFileNames: 'page[extname]', codeSplitting: false },
    },
  },
});
