// Compiles every module of the built server ahead of its first start: a start then takes about 0.1 s less, and 0.2 s less
// CPU. Node ignores an entry whose source has changed since, and does without the folder where it is missing.
import { enableCompileCache, flushCompileCache } from 'node:module';
import { COMPILE_CACHE } from '../src/compile-cache.ts';

enableCompileCache(COMPILE_CACHE);
await import(new URL('../dist/create-app.js', import.meta.url).href);
await import(new URL('../dist/database/embedded-postgres.js', import.meta.url).href);
flushCompileCache();
