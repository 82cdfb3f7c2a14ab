import { Injectable } from '@nestjs/common';
import { type Json, type SentSignal, SignalName } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { Signals } from '../../engine/waits/signals.js';
import { ExecutionReader } from '../../executions/queries/execution-reader.js';
import { ValidationFailedError } from '../../problems/problem.error.js';

/** Sends signals to executions, for principals. */
@Injectable()
export class SignalSender {
  constructor(
    private readonly reader: ExecutionReader,
    private readonly signals: Signals,
  ) {}

  /**
   * Sends a signal. It ends the oldest open wait of its name, or is kept for the next one.
   * @returns the signal, and whether an earlier request with the same key sent it
   * @throws NotFoundError if the execution does not exist or is not the principal's
   * @throws ValidationFailedError if the name is not valid
   * @throws ProblemError as `Signals.send`
   */
  async send(
    executionId: string,
    name: string,
    body: Json,
    principal: Principal,
    idempotencyKey?: string,
  ): Promise<{ signal: SentSignal; replayed: boolean }> {
    const { data, error } = SignalName.safeParse(name);
    if (error) throw new ValidationFailedError([{ path: 'name', message: error.issues[0]!.message }]);
    const execution = await this.reader.find(executionId, principal);
    const { id, sentAt, replayed } = await this.signals.send({
      executionId: execution.id,
      name: data,
      body,
      by: principal.id,
      idempotencyKey,
    });
    return {
      signal: { id, executionId: execution.id, name: data, sentAt: sentAt.toISOString() },
      replayed,
    };
  }
}
