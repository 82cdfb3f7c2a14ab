import { join } from 'node:path';

/** The folder where `npm run build` stores the compiled code of every module (scripts/compile-cache.ts). */
export const COMPILE_CACHE = join(import.meta.dirname, '../node_modules/.cache/cloutagent');
