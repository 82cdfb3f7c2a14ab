import { enableCompileCache } from 'node:module';
import { COMPILE_CACHE } from './compile-cache.js';

// Executions pause while their process restarts, and compiling modules is the largest part of that time. The cache applies
// only to modules that are imported after this line, so the server is imported dynamically.
enableCompileCache(COMPILE_CACHE);
await import('./server.js');
