import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { currentContext } from '../../logging/work-context.js';

/**
 * Handles errors that no code catches, such as a rejected promise that a module's node does not await, or an error thrown
 * in a timer of the node. Without this class Node would end the process, and with it all its executions. If the error can
 * be traced to a node, the node's execution fails; otherwise the error is logged. A thrown error that cannot be traced
 * still ends the process, because it may have left any data half changed.
 */
@Injectable()
export class UnhandledErrors implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(UnhandledErrors.name);

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
    else this.logger.error('a promise was rejected and no code handled the rejection', reason);
  };

  private readonly onException = (error: unknown): void => {
    const context = currentContext();
    if (context) {
      context.onStray(error);
      return;
    }
    this.logger.fatal('an error was thrown and no code caught it', error);
    // If the embedding application has a listener of its own, it decides whether the process ends.
    if (process.listenerCount('uncaughtException') === 1) process.exit(1);
  };
}
