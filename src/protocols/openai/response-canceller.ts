import { Inject, Injectable } from '@nestjs/common';
import type { Response } from 'express';
import type { Principal } from '../../auth/principal.js';
import { Settings } from '../../config/settings.js';
import { ExecutionControl } from '../../executions/commands/execution-control.js';
import { ExecutionEndedError } from '../../executions/commands/execution-ended.error.js';
import { ExecutionEnds } from '../../executions/starts/execution-ends.js';

/** Cancels executions for requests that are answered when they have ended. */
@Injectable()
export class ResponseCanceller {
  constructor(
    private readonly control: ExecutionControl,
    private readonly ends: ExecutionEnds,
    @Inject(Settings) private readonly settings: Pick<Settings, 'CANCEL_GRACE_MS'>,
  ) {}

  /**
   * Cancels an execution, and waits for its end as long as its nodes may take to stop.
   * @returns false if the client has left
   * @throws NotFoundError if the execution does not exist or is not the principal's
   */
  async cancel(executionId: string, principal: Principal, response: Response): Promise<boolean> {
    try {
      await this.control.request(executionId, 'cancel', principal);
    } catch (error) {
      // OpenAI answers with the response as it is.
      if (error instanceof ExecutionEndedError) return true;
      throw error;
    }
    return (
      (await this.ends.wait(executionId, this.settings.CANCEL_GRACE_MS, principal, response)) !==
      'client-left'
    );
  }
}
