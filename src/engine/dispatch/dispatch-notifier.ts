import { Injectable, Logger } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { DeathDetector } from '../../cluster/death-detector.js';
import { Database } from '../../database/database.js';
import { Listener } from '../../database/listener.js';
import { ProcessIdentity } from '../../database/process-identity.js';
import { detached } from '../../logging/work-context.js';

/** "Something is queued." The payload is the sender's identity. */
const DISPATCH_CHANNEL = 'cloutagent_dispatch';

/**
 * Notifies the other processes that something is queued. After the commit that queues it and coalesced: PostgreSQL
 * commits transactions that notify one after the other. A lost notification costs a wait for the next poll.
 */
@Injectable()
export class DispatchNotifier {
  private readonly logger = new Logger(DispatchNotifier.name);
  private readonly heard = new Subject<void>();
  private sending = false;
  private sendAgain = false;

  /** Emits when another process has queued something, and when a notification of it may have been missed. */
  readonly queued: Observable<void> = this.heard;

  constructor(
    private readonly database: Database,
    private readonly listener: Listener,
    private readonly identity: ProcessIdentity,
    private readonly detector: DeathDetector,
  ) {}

  async start(): Promise<void> {
    (await this.listener.listen(DISPATCH_CHANNEL)).subscribe((sender) => {
      if (sender !== this.identity.value) this.heard.next();
    });
    this.listener.reconnected.subscribe(() => this.heard.next());
  }

  /** Notifies the others; while one notification is under way the next waits for it. */
  notify(): void {
    if (this.detector.isAlone) return;
    this.sendAgain = true;
    if (!this.sending) void detached(() => this.send());
  }

  private async send(): Promise<void> {
    this.sending = true;
    try {
      while (this.sendAgain) {
        this.sendAgain = false;
        await this.database.pool.query('SELECT pg_notify($1, $2)', [DISPATCH_CHANNEL, this.identity.value]);
      }
    } catch (error) {
      this.logger.warn(`the other processes could not be notified of the queue: ${(error as Error).message}`);
    } finally {
      this.sending = false;
    }
  }
}
