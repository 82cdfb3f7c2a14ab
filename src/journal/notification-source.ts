import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { Listener } from '../database/listener.js';
import { ProcessIdentity } from '../database/process-identity.js';
import { EVENTS_CHANNEL, STATUS_CHANGED } from './event-notifier.js';

/** A notification that an execution of another process has events up to `sequence`. */
export interface JournalHint {
  executionId: string;
  sequence: number;
  /** Whether these events change the execution's status. */
  statusChanged: boolean;
}

/** Receives the notifications that the `EventNotifier`s of the other processes send. */
@Injectable()
export class NotificationSource implements OnModuleInit {
  private readonly received = new Subject<JournalHint>();
  /** Emits each hint of another process. */
  readonly hints: Observable<JournalHint> = this.received;
  /** Emits when hints may have been missed. A subscriber that depends on them then reads the journal. */
  readonly missed: Observable<void>;

  constructor(
    private readonly listener: Listener,
    private readonly identity: ProcessIdentity,
  ) {
    this.missed = listener.reconnected;
  }

  async onModuleInit(): Promise<void> {
    const payloads = await this.listener.listen(EVENTS_CHANNEL);
    payloads.subscribe((payload) => {
      const [sender, ...entries] = payload.split(' ');
      if (sender === this.identity.value) return;
      for (const entry of entries) {
        const statusChanged = entry.endsWith(STATUS_CHANGED);
        const [executionId = '', sequence = ''] = entry.split(':');
        this.received.next({ executionId, sequence: Number.parseInt(sequence, 10), statusChanged });
      }
    });
  }
}
