// The entry `@cloutagent/server/module`: the server inside an existing Nest application.
export type { Settings } from './config/settings.js';
