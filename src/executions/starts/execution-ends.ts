import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { isTerminalEvent } from '@cloutagent/contract';
import type { ServerResponse } from 'node:http';
import type { Principal } from '../../auth/principal.js';
import { RevocationMonitor } from '../../auth/revocation-monitor.js';
import { Settings } from '../../config/settings.js';
import { BatchedLookup } from '../../database/batched-lookup.js';
import { ExecutionEngine } from '../../engine/execution-engine.js';
import { EventBus } from '../../events/event-bus.js';
import { NotificationTransport } from '../../journal/notifications/notification-transport.js';
import { Logger } from '../../logging/logger.js';
import { ProblemError } from '../../problems/problem.error.js';
import { ExecutionsRepository } from '../executions.repository.js';

/** Why a wait for the end of an execution is over. `late`: the time is up, or the server shuts down. */
export type WaitOutcome = 'ended' | 'late' | 'client-left';
type Waiter = (outcome: WaitOutcome | 'lost') => void;

/**
 * Waits for the ends of executions, whichever process records them. A waiting request is a function in a map and a timer:
 * it has no channel and buffers no events.
 */
@Injectable()
export class ExecutionEnds implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(ExecutionEnds.name);
  private readonly waiters = new Map<string, Set<Waiter>>();
  private readonly endedIds: BatchedLookup<true>;
  private poll: NodeJS.Timeout | undefined;
  private isClosing = false;

  constructor(
    private readonly bus: EventBus,
    private readonly notifications: NotificationTransport,
    private readonly revocations: RevocationMonitor,
    @Inject(ExecutionEngine) private readonly engine: ExecutionEngine,
    @Inject(Settings) private readonly settings: Pick<Settings, 'JOURNAL_POLL_INTERVAL_MS'>,
    repository: ExecutionsRepository,
  ) {
    this.endedIds = new BatchedLookup(async (ids) => {
      return new Map((await repository.findEnded(ids)).map((id) => [id, true]));
    });
  }

  onModuleInit(): void {
    this.bus.batches.subscribe(({ executionId, events }) => {
      if (this.waiters.has(executionId) && isTerminalEvent(events.at(-1)!.type)) this.end(executionId);
    });
    this.notifications.hints.subscribe(({ executionId, statusChanged }) => {
      if (statusChanged && this.waiters.has(executionId)) this.check(executionId);
    });
    this.notifications.missed.subscribe(() => this.checkAll());
    // A notification is lost if its process dies before it is sent.
    this.poll = setInterval(() => this.checkAll(), this.settings.JOURNAL_POLL_INTERVAL_MS);
    this.poll.unref();
  }

  /** Ends all waits. Their requests are answered while the server drains its connections. */
  onModuleDestroy(): void {
    this.isClosing = true;
    clearInterval(this.poll);
    for (const waiters of this.waiters.values()) for (const resolve of waiters) resolve('late');
  }

  /**
   * Waits until an execution has ended, but no longer than `ms`, and no longer than the client stays.
   * @param response of the waiting request; nothing has been written to it
   * @throws ProblemError 401 `invalid_credentials` when the principal loses its access
   */
  async wait(
    executionId: string,
    ms: number,
    principal: Principal,
    response: ServerResponse,
  ): Promise<WaitOutcome> {
    if (this.isClosing) return 'late';
    const { socket } = response.req;
    if (socket.destroyed) return 'client-left';
    const { promise, resolve } = Promise.withResolvers<WaitOutcome | 'lost'>();
    const waiters = this.waiters.get(executionId) ?? new Set();
    this.waiters.set(executionId, waiters.add(resolve));
    const timer = setTimeout(resolve, ms, 'late');
    // On the socket: a response that waits for another one of its connection does not learn that the connection is closed.
    const onClose = () => resolve('client-left');
    socket.once('close', onClose);
    // The bus tells the end of an execution that this process runs.
    if (!this.engine.committedHead?.(executionId)) this.check(executionId);
    using _watch = this.revocations.onLoss(principal, () => resolve('lost'));
    try {
      const outcome = await promise;
      if (outcome === 'lost') throw new ProblemError('invalid_credentials');
      return outcome;
    } finally {
      clearTimeout(timer);
      socket.off('close', onClose);
      waiters.delete(resolve);
      if (waiters.size === 0) this.waiters.delete(executionId);
    }
  }

  private end(executionId: string): void {
    for (const resolve of this.waiters.get(executionId) ?? []) resolve('ended');
  }

  private check(executionId: string): void {
    this.endedIds.find(executionId).then(
      (hasEnded) => {
        if (hasEnded) this.end(executionId);
      },
      (error: Error) => this.logger.warn(`ends of executions could not be read: ${error.message}`),
    );
  }

  /** Checks all executions, with one query for each 1,000 of them. */
  private checkAll(): void {
    for (const executionId of this.waiters.keys()) this.check(executionId);
  }
}
