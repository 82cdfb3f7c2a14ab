import { Injectable } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { DeathDetector } from '../../cluster/death-detector.js';
import { coalesce } from '../../common/coalesce.js';
import { Database } from '../../database/database.js';
import { Listener } from '../../database/listener.js';
import { ProcessIdentity } from '../../database/process-identity.js';
import { Logger } from '../../logging/logger.js';
import { detached } from '../../logging/work-context.js';

/** Channel that announces queued executions. The payload is the sender's identity. */
const DISPATCH_CHANNEL = 'cloutagent_dispatch';

/**
 * Notifies the other processes that an execution is queued. It sends after the commit, and one notification for many
 * calls, because PostgreSQL commits transactions that notify one after the other. If a notification is lost, the other
 * processes find the execution at their next poll.
 */
@Injectable()
export class DispatchNotifier {
  private readonly logger = new Logger(DispatchNotifier.name);
  private readonly notified = new Subject<void>();
  private readonly send = coalesce(() => detached(() => this.sendNotification()));

  /** Emits when another process has queued an execution, and when such a notification may have been missed. */
  readonly queued: Observable<void> = this.notified;

  constructor(
    private readonly database: Database,
    private readonly listener: Listener,
    private readonly identity: ProcessIdentity,
    private readonly detector: DeathDetector,
  ) {}

  async start(): Promise<void> {
    (await this.listener.listen(DISPATCH_CHANNEL)).subscribe((sender) => {
      if (sender !== this.identity.value) this.notified.next();
    });
    this.listener.reconnected.subscribe(() => this.notified.next());
  }

  /** Notifies the other processes. Calls while a notification is being sent share the next one. */
  notify(): void {
    if (!this.detector.isAlone) void this.send();
  }

  private async sendNotification(): Promise<void> {
    try {
      await this.database.pool.query('SELECT pg_notify($1, $2)', [DISPATCH_CHANNEL, this.identity.value]);
    } catch (error) {
      this.logger.warn(
        `the other processes could not be notified of a queued execution: ${(error as Error).message}`,
      );
    }
  }
}
