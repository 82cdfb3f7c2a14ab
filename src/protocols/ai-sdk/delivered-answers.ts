import { Injectable } from '@nestjs/common';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '../../logging/logger.js';
import { ExecutionThreads, type ThreadExecution } from '../../executions/threads/execution-threads.js';

/** How long a request waits to learn whether the client has received the stream that the server has just ended. */
const CLOSE_TIMEOUT_MS = 250;

/**
 * Knows which answers a client has received to their end. A chat whose newest answer was received has nothing to resume. One whose
 * connection broke is resumed although its execution has ended meanwhile: `useChat` would otherwise take the text that it has for
 * the whole answer.
 */
@Injectable()
export class DeliveredAnswers {
  private readonly logger = new Logger(DeliveredAnswers.name);
  /** Streams that have ended and are not recorded yet: whether the client has closed its connection in order. */
  private readonly ending = new Map<string, Promise<boolean>>();

  constructor(private readonly threads: ExecutionThreads) {}

  /**
   * Notes that the server has written all frames of an execution, whose last event is `sequence`. They count as received when the
   * client closes the connection without an error.
   */
  written(executionId: string, sequence: number, socket: Socket): void {
    const closed = new Promise<boolean>((resolve) => {
      socket.once('close', (hadError) => resolve(!hadError));
    });
    this.ending.set(executionId, closed);
    this.record(executionId, sequence, closed)
      .catch((error: unknown) => this.logger.warn(`An answer will be sent again: ${String(error)}`))
      .finally(() => {
        if (this.ending.get(executionId) === closed) this.ending.delete(executionId);
      });
  }

  /** Whether a client has received the answer of an execution up to its last event. */
  async isDelivered({ executionId, data }: ThreadExecution, lastSequence: number): Promise<boolean> {
    const delivered = (data as { delivered?: number } | null)?.delivered ?? 0;
    if (delivered >= lastSequence) return true;
    const closed = this.ending.get(executionId);
    if (!closed) return false;
    const timeout = new AbortController();
    const isLate = sleep(CLOSE_TIMEOUT_MS, false, { signal: timeout.signal, ref: false });
    try {
      return await Promise.race([closed, isLate.catch(() => false)]);
    } finally {
      timeout.abort();
    }
  }

  private async record(executionId: string, sequence: number, closed: Promise<boolean>): Promise<void> {
    if (await closed) await this.threads.setData(executionId, { delivered: sequence });
  }
}
