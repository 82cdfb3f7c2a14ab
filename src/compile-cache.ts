import { join, sep } from 'node:path';

const inNodeModules = import.meta.dirname.lastIndexOf(`${sep}node_modules${sep}`);
/** The project that installed this package; in the repository its root. */
const project =
  inNodeModules < 0 ? join(import.meta.dirname, '..') : import.meta.dirname.slice(0, inNodeModules);

/**
 * The folder with the compiled code of the server's modules. In the repository `npm run build` fills it
 * (scripts/compile-cache.ts). In a project that has installed the package, the first run does.
 */
export const COMPILE_CACHE = join(project, 'node_modules/.cache/cloutagent');
