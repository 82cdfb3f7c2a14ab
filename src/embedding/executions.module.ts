import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  type FactoryProvider,
  Module,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import {
  ApplicationConfig,
  DiscoveryModule,
  DiscoveryService,
  HttpAdapterHost,
  ModulesContainer,
} from '@nestjs/core';
import { ApiKeysService } from '../auth/api-keys.service.js';
import { ExecutionEngine } from '../engine/execution-engine.js';
import { EventBus } from '../events/event-bus.js';
import { ApprovalRecorder } from '../executions/commands/approval-recorder.js';
import { ExecutionControl } from '../executions/commands/execution-control.js';
import { ExecutionStarter } from '../executions/commands/execution-starter.js';
import { ExecutionReader } from '../executions/queries/execution-reader.js';
import { StreamHub } from '../streaming/stream-hub.js';
import { checkPath, EmbeddingError } from './base-path.js';
import { EmbeddedServer, type Host } from './embedded-server.js';
import type {
  ExecutionsModuleAsyncOptions,
  ExecutionsModuleOptions,
  ExecutionsModulePlace,
  ServerOptions,
} from './executions-module-options.js';
import { withoutHooks } from './without-hooks.js';

/** Injection tokens of what one server is made of. */
const OPTIONS = Symbol('ExecutionsModuleOptions');
const PLACE = Symbol('ExecutionsModulePlace');

/** The services of the server that modules of the host may inject. */
const SERVICES = [
  ApiKeysService,
  ApprovalRecorder,
  EventBus,
  ExecutionControl,
  ExecutionEngine,
  ExecutionReader,
  ExecutionStarter,
  StreamHub,
] as const;

/**
 * Runs the server inside another Nest application on Express, under a path. The server has a container of its own: its
 * guard, throttler, pipe, filter, body parser and headers act on its own routes alone, and those of the host do not act on
 * them. Node types, listeners and other extensions are found in the host's modules as well. `app.close()` of the host ends
 * the streams and hands the executions over.
 * @example
 * ```ts
 * @Module({
 *   imports: [
 *     ExecutionsModule.forRoot({
 *       path: 'agents',
 *       settings: { DATABASE_URL: 'postgres://user:password@localhost:5432/agents' },
 *     }),
 *   ],
 * })
 * export class AppModule {}
 * ```
 */
@Module({})
export class ExecutionsModule implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(private readonly server: EmbeddedServer) {}

  /** Runs a server with these options. The start fails with a sentence that names a wrong option. */
  static forRoot({ path, dashboard, isGlobal, ...options }: ExecutionsModuleOptions): DynamicModule {
    return define({ path, dashboard, isGlobal }, { provide: OPTIONS, useFactory: () => options });
  }

  /**
   * Runs a server whose options depend on providers of the host.
   * @example
   * ```ts
   * ExecutionsModule.forRootAsync({
   *   path: 'agents',
   *   inject: [ConfigService],
   *   useFactory: (config: ConfigService) => ({
   *     settings: { DATABASE_URL: config.getOrThrow<string>('AGENTS_DATABASE_URL') },
   *   }),
   * });
   * ```
   */
  static forRootAsync<Dependencies extends unknown[]>({
    path,
    dashboard,
    isGlobal,
    imports,
    inject,
    useFactory,
  }: ExecutionsModuleAsyncOptions<Dependencies>): DynamicModule {
    const factory = useFactory as FactoryProvider<ServerOptions>['useFactory'];
    return define(
      { path, dashboard, isGlobal },
      { provide: OPTIONS, inject: inject ?? [], useFactory: factory },
      imports,
    );
  }

  onModuleInit(): Promise<void> {
    return this.server.begin();
  }

  onApplicationBootstrap(): Promise<void> {
    return this.server.open();
  }

  /** Called before the host waits for its connections, and after `onModuleDestroy` of all modules, which may use services. */
  beforeApplicationShutdown(): Promise<void> {
    return this.server.close();
  }
}

type Given<T> = { [Name in keyof T]: T[Name] | undefined };

function define(
  {
    path = '',
    dashboard = false,
    isGlobal = true,
  }: Given<Pick<ExecutionsModuleOptions, 'path' | 'dashboard' | 'isGlobal'>>,
  options: FactoryProvider<ServerOptions | Promise<ServerOptions>>,
  imports: NonNullable<DynamicModule['imports']> = [],
): DynamicModule {
  const place: ExecutionsModulePlace = { path: checkPath(path), dashboard, isGlobal };
  if (dashboard && place.path === '')
    throw new EmbeddingError('The dashboard needs a path of its own: set `path`, for example to agents.');
  return {
    module: ExecutionsModule,
    global: isGlobal,
    imports: [DiscoveryModule, ...imports],
    providers: [
      options,
      { provide: PLACE, useValue: place },
      {
        provide: EmbeddedServer,
        inject: [OPTIONS, ModulesContainer, DiscoveryService, HttpAdapterHost, ApplicationConfig],
        useFactory: (
          server: ServerOptions,
          modules: ModulesContainer,
          discovery: DiscoveryService,
          adapterHost: HttpAdapterHost,
          config: ApplicationConfig,
        ) => {
          checkPlaces(modules);
          return EmbeddedServer.create(server, place, { discovery, adapterHost, config } satisfies Host);
        },
      },
      ...SERVICES.map((token) => ({
        provide: token,
        inject: [EmbeddedServer],
        useFactory: (server: EmbeddedServer) => withoutHooks(server.get<object>(token)),
      })),
    ],
    exports: [EmbeddedServer, ...SERVICES],
  };
}

/** @throws EmbeddingError if servers of the host are in each other's way */
function checkPlaces(modules: ModulesContainer): void {
  const places = [...modules.values()]
    .filter(({ metatype }) => metatype === ExecutionsModule)
    .map((each) => each.providers.get(PLACE)?.instance as ExecutionsModulePlace);
  if (places.filter(({ isGlobal }) => isGlobal).length > 1)
    throw new EmbeddingError(
      'Two ExecutionsModules are global, so a class that injects ExecutionStarter could get either. Set isGlobal: false in ' +
        'all but one of them, and import those where their services are injected.',
    );
  for (const [index, { path }] of places.entries())
    for (const { path: other } of places.slice(index + 1))
      if (path === other || (path !== '' && other !== '' && areNested(path, other)))
        throw new EmbeddingError(
          `Two ExecutionsModules have the paths ${JSON.stringify(path)} and ${JSON.stringify(other)}, so one would get the ` +
            "other's requests. Give them paths of which none is below the other.",
        );
}

const areNested = (one: string, other: string): boolean =>
  `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`);
