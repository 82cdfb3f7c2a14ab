import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit, Optional } from '@nestjs/common';
import { HostDiscovery } from '../../discovery/extension-discovery.js';
import { readable } from '../../logging/error-info.js';
import { Logger } from '../../logging/logger.js';
import { currentContext } from '../../logging/work-context.js';

/**
 * Handles errors that no code catches, such as a rejected promise that a module's node does not await, or an error thrown
 * in a timer of the node. Without this class Node would end the process, and with it all its executions. If the error can
 * be traced to a node, the node's execution fails; otherwise the error is logged. A thrown error that cannot be traced
 * still ends the process, because it may have left any data half changed.
 *
 * Inside another application, errors that cannot be traced to a node are that application's: what happens then is what
 * would happen without this server.
 */
@Injectable()
export class UnhandledErrors implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(UnhandledErrors.name);
  private readonly isEmbedded: boolean;

  constructor(@Optional() @Inject(HostDiscovery) host?: object) {
    this.isEmbedded = host !== undefined;
  }

  onModuleInit(): void {
    if (servers.size === 0) listen();
    servers.add(this);
  }

  onApplicationShutdown(): void {
    servers.delete(this);
    if (servers.size === 0) stopListening();
  }

  /** The server that decides about errors that belong to no node; undefined if the host does. */
  static decider(): UnhandledErrors | undefined {
    return [...servers].find(({ isEmbedded }) => !isEmbedded);
  }

  onRejection(reason: unknown): void {
    this.logger.error('a promise was rejected and no code handled the rejection', reason);
  }

  onException(error: unknown): void {
    this.logger.fatal('an error was thrown and no code caught it', error);
    // If the application has a listener of its own, it decides whether the process ends.
    if (!hasOtherListener('uncaughtException')) process.exit(1);
  }
}

/**
 * The servers of this process. They share the listeners, as the process is one: with a listener for each, a node's error
 * would be handled twice, and no server could know whether the application has a listener of its own.
 */
const servers = new Set<UnhandledErrors>();

function listen(): void {
  process.on('unhandledRejection', onRejection);
  process.on('uncaughtException', onException);
}

function stopListening(): void {
  process.off('unhandledRejection', onRejection);
  process.off('uncaughtException', onException);
}

const hasOtherListener = (event: 'unhandledRejection' | 'uncaughtException'): boolean =>
  process.listenerCount(event) > 1;

function onRejection(reason: unknown): void {
  const context = currentContext();
  const decider = UnhandledErrors.decider();
  if (context) context.onStray(readable(reason));
  else if (decider) decider.onRejection(reason);
  else if (!hasOtherListener('unhandledRejection')) rejectAgain(reason);
}

function onException(error: unknown): void {
  const context = currentContext();
  const decider = UnhandledErrors.decider();
  if (context) context.onStray(readable(error));
  else if (decider) decider.onException(error);
  else if (!hasOtherListener('uncaughtException')) throwAgain(error);
}

/** Lets Node do what it does without a listener, as its option `--unhandled-rejections` says. */
function rejectAgain(reason: unknown): void {
  process.off('unhandledRejection', onRejection);
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the same reason as before
  void Promise.reject(reason);
  setImmediate(() => {
    process.off('unhandledRejection', onRejection);
    if (servers.size > 0) process.on('unhandledRejection', onRejection);
  });
}

/** Lets Node print the error and end the process, as it does without a listener. */
function throwAgain(error: unknown): void {
  process.off('uncaughtException', onException);
  process.nextTick(() => {
    throw error;
  });
}
