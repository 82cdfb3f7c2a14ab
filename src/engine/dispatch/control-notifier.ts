import { Injectable } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { abortable } from '../../common/abortable.js';
import { coalesce } from '../../common/coalesce.js';
import { Database } from '../../database/database.js';
import { Listener } from '../../database/listener.js';
import { Logger } from '../../logging/logger.js';

/** Channel of the notifications. The payload is an execution's id. */
const CONTROL_CHANNEL = 'cloutagent_control';
/** How long a caller waits for a notification. A connection that hangs must not hold up all control requests. */
const MAX_WAIT_MS = 2_000;

/**
 * Notifies the owners of executions, in whichever process they are, of changed desired states and new approvals. It runs
 * after the commit and is coalesced, because PostgreSQL commits transactions that notify one after the other.
 */
@Injectable()
export class ControlNotifier {
  private readonly logger = new Logger(ControlNotifier.name);
  private unsent = new Set<string>();
  private readonly send = coalesce(() => this.sendUnsent());

  constructor(
    private readonly database: Database,
    private readonly listener: Listener,
  ) {}

  /**
   * Notifies the owner of an execution. Resolves when the notification has been sent, or after MAX_WAIT_MS: the request is
   * stored, and the owner finds it at its next re-assertion.
   * @throws the error of a notification that fails within that time
   */
  async notify(executionId: string): Promise<void> {
    this.unsent.add(executionId);
    const sent = this.send();
    const limit = AbortSignal.timeout(MAX_WAIT_MS);
    sent.catch((error: Error) => {
      if (limit.aborted) this.logger.warn(`a notification of owners failed: ${error.message}`);
    });
    await abortable(sent, limit).catch((error: unknown) => {
      if (!limit.aborted) throw error;
    });
  }

  /** Returns the ids of notified executions, also of those that other processes own. Resolves once the server listens. */
  listen(): Promise<Observable<string>> {
    return this.listener.listen(CONTROL_CHANNEL);
  }

  private async sendUnsent(): Promise<void> {
    const ids = [...this.unsent];
    this.unsent = new Set();
    await this.database.pool.query('SELECT pg_notify($1, id) FROM unnest($2::text[]) AS id', [
      CONTROL_CHANNEL,
      ids,
    ]);
  }
}
