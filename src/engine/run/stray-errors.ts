import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { currentContext } from '../../logging/work-context.js';

/**
 * Catches what no code handles: a promise that rejects after a module's node forgot about it, or an error thrown in a
 * timer that it set. Node would end the process, and with it all executions that run here. Where the error can be
 * traced to a node, its execution fails; else it is logged. An error that was thrown, and cannot be traced, still ends
 * the process: it may have left anything behind half done.
 */
@Injectable()
export class StrayErrors implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(StrayErrors.name);

  onModuleInit(): void {
    process.on('unhandledRejection', this.onRejection);
    process.on('uncaughtException', this.onException);
  }

  onApplicationShutdown(): void {
    process.off('unhandledRejection', this.onRejection);
    process.off('uncaughtException', this.onException);
  }

  private readonly onRejection = (reason: unknown): void => {
    const context = currentContext();
    if (context) context.onStray(reason);
    else this.logger.error('a promise was rejected, and nothing handled it', reason);
  };

  private readonly onException = (error: unknown): void => {
    const context = currentContext();
    if (context) {
      context.onStray(error);
      return;
    }
    this.logger.fatal('an error was thrown, and nothing caught it', error);
    // Another listener, of whoever embeds this application, decides itself.
    if (process.listenerCount('uncaughtException') === 1) process.exit(1);
  };
}
