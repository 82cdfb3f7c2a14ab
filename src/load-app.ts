import { requireNodeVersion } from './common/node-version.js';

/**
 * Creates the application, ready to listen. It loads the server's modules when it is called, so that a test runner can
 * import it at the top of a file: some of the modules are CommonJS, and Jest loads those only after `@nestjs/common`.
 * @example
 * ```ts
 * import { createApp, parseSettings } from '@cloutagent/server';
 *
 * const app = await createApp(parseSettings(process.env), [TeamModule]);
 * await app.listen(3000);
 * ```
 */
export const createApp: typeof import('./create-app.js').createApp = async (...args) => {
  requireNodeVersion();
  return (await import('./create-app.js')).createApp(...args);
};
