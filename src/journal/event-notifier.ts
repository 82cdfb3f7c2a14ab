import { Injectable } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { DeathDetector } from '../cluster/death-detector.js';
import { coalesce } from '../common/coalesce.js';
import { Logger } from '../logging/logger.js';
import { type JournalHint, NotificationTransport } from './notifications/notification-transport.js';

/**
 * Notifies the other processes of new events. It runs after the commit and is coalesced: while one call of the transport is
 * under way, the next one collects. A lost notification causes only a delay, because the other processes also poll.
 */
@Injectable()
export class EventNotifier {
  private readonly logger = new Logger(EventNotifier.name);
  private readonly statusSubject = new Subject<void>();
  /** The newest hint of each execution that has not been sent yet. */
  private unsent = new Map<string, JournalHint>();
  private readonly send = coalesce(() => this.sendUnsent());

  /** Emits when this process has committed a change of an execution's status. */
  readonly statusChanges: Observable<void> = this.statusSubject;

  constructor(
    private readonly transport: NotificationTransport,
    private readonly peers: DeathDetector,
  ) {}

  /** Notifies the other processes that an execution has events up to a sequence. */
  notify(executionId: string, sequence: number, statusChanged: boolean): void {
    if (statusChanged) this.statusSubject.next();
    if (this.peers.isAlone) return;
    const earlier = this.unsent.get(executionId)?.statusChanged ?? false;
    this.unsent.set(executionId, { executionId, sequence, statusChanged: statusChanged || earlier });
    void this.send();
  }

  private async sendUnsent(): Promise<void> {
    const hints = [...this.unsent.values()];
    this.unsent = new Map();
    try {
      await this.transport.send(hints);
    } catch (error) {
      this.logger.warn(
        `the other processes could not be notified of new events: ${(error as Error).message}`,
      );
    }
  }
}
