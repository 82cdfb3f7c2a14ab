import type { Type } from '@nestjs/common';
import { type ApplicationConfig, type DiscoveryService, type HttpAdapterHost, ModuleRef } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuthGuard } from '../auth/auth.guard.js';
import { requireNodeVersion } from '../common/node-version.js';
import { readSettings } from '../config/given-settings.js';
import { SecretRedactor } from '../config/secret-redactor.js';
import type { Settings } from '../config/settings.js';
import type { EmbeddedPostgres } from '../database/embedded-postgres.js';
import { redactInLogs } from '../logging/host-logger.js';
import { Logger } from '../logging/logger.js';
import { basePath, EmbeddingError } from './base-path.js';
import type { EmbeddedAdapter } from './embedded-adapter.js';
import type { ExecutionsModulePlace, ServerOptions } from './executions-module-options.js';
import type { HostMount } from './host-mount.js';
import { StartGate, StartGateModule } from './start-gate.js';

/** What the server uses of the application that it runs inside. */
export interface Host {
  readonly discovery: DiscoveryService;
  readonly adapterHost: HttpAdapterHost;
  readonly config: ApplicationConfig;
}

/** The server inside another Nest application: an application with a container of its own, which follows the host's life. */
export class EmbeddedServer {
  private readonly logger = new Logger('ExecutionsModule');
  private initialization: Promise<unknown> = Promise.resolve();
  private closing: Promise<void> | undefined;
  private authGuard: Promise<AuthGuard> | undefined;

  private constructor(
    private readonly app: NestExpressApplication,
    private readonly parts: {
      host: Host;
      settings: Settings;
      place: ExecutionsModulePlace;
      adapter: EmbeddedAdapter;
      mount: HostMount;
      gate: StartGate;
      postgres: EmbeddedPostgres | undefined;
      stopRedacting: () => void;
    },
  ) {}

  /**
   * Creates the server: connects to its database, migrates it, and takes its place in the host's HTTP adapter.
   * @throws EmbeddingError, InvalidSettingsError, InvalidOptionsError, DatabaseError, EmbeddedPostgresError
   */
  static async create(
    { settings: given, ...options }: ServerOptions,
    place: ExecutionsModulePlace,
    host: Host,
  ): Promise<EmbeddedServer> {
    requireNodeVersion();
    const parsed = readSettings(given ?? {});
    if (parsed.DATABASE_URL === undefined && parsed.DATA_DIR === undefined)
      throw new EmbeddingError(
        'ExecutionsModule needs the setting DATABASE_URL, such as postgres://user:password@localhost:5432/cloutagent, or ' +
          'DATA_DIR, the folder of an embedded PostgreSQL: pass one of them in `settings`.',
      );
    const { HostMount } = await import('./host-mount.js');
    const mount = new HostMount(host.adapterHost);
    mount.check();
    const [{ createInnerApp, drainMs }, { EmbeddedAdapter }] = await Promise.all([
      import('../create-app.js'),
      import('./embedded-adapter.js'),
    ]);
    const postgres = parsed.DATABASE_URL === undefined ? await startPostgres(parsed.DATA_DIR) : undefined;
    const settings = postgres ? await postgres.complete(parsed) : parsed;
    const gate = new StartGate();
    const adapter = new EmbeddedAdapter(drainMs(settings));
    // Until the application has its own, to which modules may add secrets.
    const stopEarly = redactInLogs(SecretRedactor.of(settings));
    try {
      const app = await createInnerApp(
        settings,
        {
          ...options,
          host: host.discovery,
          first: [StartGateModule.with(gate)],
          dashboard: place.dashboard,
        },
        adapter,
      );
      const stopRedacting = redactInLogs(app.get(SecretRedactor));
      return new EmbeddedServer(app, {
        host,
        settings,
        place,
        adapter,
        mount,
        gate,
        postgres,
        stopRedacting,
      });
    } catch (error) {
      await postgres?.stop();
      throw error;
    } finally {
      stopEarly();
    }
  }

  /** Returns a service of the server. */
  get<T>(token: Type<T> | symbol): T {
    return this.app.get<T>(token, { strict: false });
  }

  /** Returns the guard of the server's own routes. */
  guard(): Promise<AuthGuard> {
    this.authGuard ??= Promise.all([import('../auth/auth.module.js'), import('../auth/auth.guard.js')]).then(
      ([{ AuthModule }, { AuthGuard }]) =>
        this.app.select(AuthModule).get(ModuleRef, { strict: true }).create(AuthGuard),
    );
    return this.authGuard;
  }

  /** Initializes everything except the run of executions. Call it when all providers of the host exist. */
  async begin(): Promise<void> {
    const { host, place, adapter, mount, gate, postgres } = this.parts;
    mount.check();
    void postgres?.loss.then((reason) => this.logger.fatal(reason));
    for (const notice of postgres?.notices ?? []) this.logger.log(notice);
    this.initialization = this.app.init();
    await Promise.race([gate.reached, this.initialization]);
    if (!mount.isAttached) {
      this.logger.log('CloutAgent Executions runs executions but answers no requests: its host has no HTTP');
      return;
    }
    const base = basePath(place.path, host.config);
    const { ownRoutes } = await import('./host-mount.js');
    const routes = place.path === '' ? ownRoutes(adapter.getInstance()) : undefined;
    adapter.basePath = base;
    mount.begin(base, routes, (request, response) => adapter.handle(request, response));
    this.logger.log(`CloutAgent Executions answers under ${routes ? `${base}/api/executions` : base}`);
  }

  /** Starts to run executions and to answer. Call it when the host is initialized. */
  async open(): Promise<void> {
    this.parts.gate.open();
    await this.initialization;
    this.parts.adapter.begin();
  }

  /** Ends the streams, hands the executions over and closes the database. */
  close(): Promise<void> {
    this.closing ??= this.stop();
    return this.closing;
  }

  private async stop(): Promise<void> {
    const { SHUTDOWN_TIMEOUT_MS: timeoutMs } = this.parts.settings;
    const { gate, postgres, stopRedacting } = this.parts;
    gate.giveUp();
    const timeout = new AbortController();
    const isClosed = await Promise.race([
      this.initialization
        .catch(() => undefined)
        .then(() => this.app.close())
        .then(() => true),
      sleep(timeoutMs, false, { signal: timeout.signal }),
    ]);
    timeout.abort();
    if (!isClosed)
      this.logger.error(
        `its shutdown took longer than ${timeoutMs} ms (SHUTDOWN_TIMEOUT_MS); the host continues`,
      );
    await postgres?.stop();
    stopRedacting();
  }
}

/** Loaded only where it is used: most hosts have a database. */
async function startPostgres(folder: string | undefined): Promise<EmbeddedPostgres> {
  const { EmbeddedPostgres } = await import('../database/embedded-postgres.js');
  return EmbeddedPostgres.start(folder);
}
