// The sizes that the README of @cloutagent/client states: each entry with all that it loads, bundled, minified and gzipped.
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';

/** Bytes by entry. */
const MAX_BYTES = { index: 8_192, admin: 4_096 };

async function bundle(entry: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      rollupOptions: {
        input: join(import.meta.dirname, `../packages/client/dist/${entry}.js`),
        preserveEntrySignatures: 'strict',
        output: { format: 'es' },
      },
    },
  });
  const outputs = [result].flat() as Rolldown.RolldownOutput[];
  return outputs
    .flatMap(({ output }) => output)
    .map((chunk) => (chunk.type === 'chunk' ? chunk.code : ''))
    .join('');
}

for (const [entry, maxBytes] of Object.entries(MAX_BYTES)) {
  const code = await bundle(entry);
  const bytes = gzipSync(code, { level: 9 }).length;
  console.log(`@cloutagent/client ${entry}: ${code.length} bytes minified, ${bytes} gzipped, of ${maxBytes}`);
  if (/\bzod\b/i.test(code) || bytes > maxBytes) {
    console.error('It has grown, or has taken in Zod: only types may come from @cloutagent/contract.');
    process.exitCode = 1;
  }
}
