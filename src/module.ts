// The entry `@cloutagent/server/module`: the server inside an existing Nest application.
export { EmbeddingError } from './embedding/base-path.js';
export { ExecutionsAuthGuard } from './embedding/executions-auth.guard.js';
export type {
  ExecutionsModuleAsyncOptions,
  ExecutionsModuleOptions,
  ServerOptions,
} from './embedding/executions-module-options.js';
export { ExecutionsModule } from './embedding/executions.module.js';
