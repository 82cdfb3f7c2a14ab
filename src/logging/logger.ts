import { Logger as NestLogger, type LoggerService } from '@nestjs/common';
import { AppLogger } from './app-logger.js';
import { HostLogger } from './host-logger.js';

/** The adapters of the loggers that hosts use. */
const adapters = new WeakMap<LoggerService, HostLogger>();

/**
 * The logger that all classes of the server use in place of Nest's Logger. It writes to the application's AppLogger. Inside
 * another application it writes to that application's logger, through an adapter that redacts the server's secrets.
 */
export class Logger extends NestLogger {
  override get localInstance(): LoggerService {
    const target = super.localInstance as LoggerService | undefined;
    // Undefined if the application has turned logging off.
    if (target === undefined || target instanceof AppLogger) return target as LoggerService;
    let adapter = adapters.get(target);
    if (!adapter) adapters.set(target, (adapter = new HostLogger(target)));
    return adapter;
  }
}
