import { setTimeout as sleep } from 'node:timers/promises';
import { isAppendFault } from '../../journal/append-errors.js';
import { Logger } from '../../logging/logger.js';
import { NodeError } from '../extension/node-handler.js';

const logger = new Logger('DatabaseReads');
const PAUSE_MS = 1_000;

/**
 * Repeats a query until the database answers: an outage must not fail a node.
 * @throws NodeError and errors of the query itself at once; the reason of the signal
 */
export async function untilAnswered<T>(query: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await query();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof NodeError || isAppendFault(error)) throw error;
      logger.warn(`the database cannot answer now, the query is repeated: ${(error as Error).message}`);
    }
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
