import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { Listener } from '../database/listener.js';
import { ProcessIdentity } from '../database/process-identity.js';
import { EVENTS_CHANNEL, STATUS_CHANGED } from './event-notifier.js';

/** An execution of another process has events up to `sequence`. */
export interface JournalHint {
  executionId: string;
  sequence: number;
  /** Whether the execution's status changed with them. */
  statusChanged: boolean;
}

/** News of executions that run elsewhere, from the other processes' NOTIFY. */
@Injectable()
export class NotificationSource implements OnModuleInit {
  private readonly heard = new Subject<JournalHint>();
  readonly hints: Observable<JournalHint> = this.heard;
  /** Hints may have been missed: whoever waits for some looks into the journal. */
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
        this.heard.next({ executionId, sequence: Number.parseInt(sequence, 10), statusChanged });
      }
    });
  }
}
