import { enableCompileCache } from 'node:module';
import { COMPILE_CACHE } from './compile-cache.js';

// Executions stand still while their process starts again, and most of that time Node compiles modules. The cache takes
// effect for what is imported after this line, and so the application is no static import.
enableCompileCache(COMPILE_CACHE);
await import('./server.js');
