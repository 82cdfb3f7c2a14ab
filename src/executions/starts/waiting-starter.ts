import { Inject, Injectable } from '@nestjs/common';
import { type Execution, isTerminal, type StartExecution, type Warning } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { addressOf } from '../../auth/client-address.js';
import type { Principal } from '../../auth/principal.js';
import { Settings } from '../../config/settings.js';
import { StreamQuota } from '../../throttling/stream-quota.js';
import { ExecutionStarter } from '../commands/execution-starter.js';
import { ExecutionReader } from '../queries/execution-reader.js';
import { ExecutionEnds } from './execution-ends.js';
import { preferredWait } from './prefer-header.js';
import { showStarted } from './show-started.js';

/** What remains of a start while its request waits. */
interface Waiting {
  executionId: string;
  warnings: Warning[];
}

/** Starts executions whose requests wait for the end (`Prefer: wait`). */
@Injectable()
export class WaitingStarter {
  constructor(
    private readonly starter: ExecutionStarter,
    private readonly reader: ExecutionReader,
    private readonly ends: ExecutionEnds,
    private readonly quota: StreamQuota,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MAX_PREFER_WAIT_MS'>,
  ) {}

  /**
   * Returns how long a request is to wait, in ms, but no longer than MAX_PREFER_WAIT_MS.
   * @param prefer value of the header Prefer
   * @returns undefined if it is not to wait. A caller that may not read executions does not get their outputs in this way.
   */
  waitOf(prefer: string | undefined, principal: Principal): number | undefined {
    const { MAX_PREFER_WAIT_MS: max } = this.settings;
    const seconds = preferredWait(prefer);
    if (seconds === undefined || max === 0 || !principal.scopes.includes('executions:read')) return undefined;
    return Math.min(seconds * 1_000, max);
  }

  /**
   * Starts an execution, or finds the one with the same key, and answers when it has ended: with 200, or with 202 when `ms`
   * have passed or the server shuts down before. A client that leaves changes nothing about the execution.
   * @param body is emptied, so that a waiting request does not keep its input and its workflow in memory
   * @throws what `ExecutionStarter.start` throws
   * @throws ProblemError 429 `too_many_streams`, because a waiting request counts as a stream
   */
  async answer(
    ms: number,
    start: { body: StartExecution; idempotencyKey: string | undefined },
    principal: Principal,
    request: Request,
    response: Response,
  ): Promise<void> {
    using _place = this.quota.acquire(principal.id, undefined, addressOf(request));
    const { executionId, warnings } = await this.start(start, principal, response);
    for (const member of Object.keys(start.body)) Reflect.deleteProperty(start.body, member);
    response.setHeader('Preference-Applied', `wait=${Math.floor(ms / 1_000)}`);
    const outcome = await this.ends.wait(executionId, ms, principal, response);
    if (outcome === 'client-left') return;
    const execution: Execution = await this.reader.get(executionId, principal);
    response.status(isTerminal(execution.status) ? 200 : 202);
    response.json(warnings.length === 0 ? execution : { ...execution, warnings });
  }

  /** A method of its own, because a function that waits keeps all its variables in memory. */
  private async start(
    { body, idempotencyKey }: { body: StartExecution; idempotencyKey: string | undefined },
    principal: Principal,
    response: Response,
  ): Promise<Waiting> {
    const started = await this.starter.start(body, principal, idempotencyKey);
    showStarted(started, response);
    return { executionId: started.execution.id, warnings: started.execution.warnings ?? [] };
  }
}
