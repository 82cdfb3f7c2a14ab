// The size that README of @cloutagent/client states: the package and its parser, bundled, minified and gzipped.
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';

const MAX_BYTES = 8_192;

const result = await build({
  configFile: false,
  logLevel: 'silent',
  build: {
    write: false,
    minify: true,
    target: 'es2022',
    rollupOptions: {
      input: join(import.meta.dirname, '../packages/client/dist/index.js'),
      preserveEntrySignatures: 'strict',
      output: { format: 'es' },
    },
  },
});
const outputs = [result].flat() as Rolldown.RolldownOutput[];
const code = outputs
  .flatMap(({ output }) => output)
  .map((chunk) => (chunk.type === 'chunk' ? chunk.code : ''))
  .join('');
const bytes = gzipSync(code, { level: 9 }).length;
console.log(`@cloutagent/client: ${code.length} bytes minified, ${bytes} gzipped, of ${MAX_BYTES}`);
if (/\bzod\b/i.test(code) || bytes > MAX_BYTES) {
  console.error('It has grown, or has taken in Zod: only types may come from @cloutagent/contract.');
  process.exit(1);
}
