import type { DynamicModule, InjectionToken, OptionalFactoryDependency } from '@nestjs/common';
import type { AppOptions } from '../app-options.js';
import type { GivenSettings } from '../config/given-settings.js';

/** What a server inside another application is made of. */
export interface ServerOptions extends AppOptions {
  /**
   * The settings, by the names of the environment variables. DATABASE_URL or DATA_DIR is required. The environment is not
   * read. Settings of the HTTP server, of signals and of the logger have no effect, because the host has its own: PORT,
   * HOST, REQUEST_HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS, LOG_LEVEL, LOG_FORMAT.
   */
  settings: GivenSettings;
}

/** Where the server is in its host. */
export interface ExecutionsModulePlace {
  /** As `checkPath` returns it. */
  readonly path: string;
  readonly dashboard: boolean;
  readonly isGlobal: boolean;
}

interface PlaceOptions {
  /**
   * The path below which the server answers, such as `agents` for `/agents/api/executions`. The host's global prefix comes
   * before it, as for a controller. Without a path, the server answers only at the paths of its own routes, such as
   * `/api/executions`, and without health, metrics and documentation, which would take the host's place.
   */
  path?: string;
  /** Whether the dashboard is served at the path. It needs a path. Default: false. */
  dashboard?: boolean;
  /**
   * Whether every module of the host may inject the services without importing this module. Default: true. Of several
   * servers in one application, at most one may be global.
   */
  isGlobal?: boolean;
}

/** The options of `ExecutionsModule.forRoot`. */
export interface ExecutionsModuleOptions extends ServerOptions, PlaceOptions {}

/** The options of `ExecutionsModule.forRootAsync`. */
export interface ExecutionsModuleAsyncOptions<Dependencies extends unknown[] = never[]> extends PlaceOptions {
  /** Modules of the host whose providers the factory injects. Modules of the server are returned by the factory. */
  imports?: NonNullable<DynamicModule['imports']>;
  /** What the factory is called with. */
  inject?: (InjectionToken | OptionalFactoryDependency)[];
  useFactory: (...dependencies: Dependencies) => ServerOptions | Promise<ServerOptions>;
}
