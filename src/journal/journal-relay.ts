import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { Listener } from '../database/listener.js';
import { EVENTS_CHANNEL } from './announcer.js';

/** An execution of another process has events up to `sequence`. */
export interface JournalHint {
  executionId: string;
  sequence: number;
}

/** News of executions that run elsewhere, from the other processes' NOTIFY. */
@Injectable()
export class JournalRelay implements OnModuleInit {
  private readonly heard = new Subject<JournalHint>();
  readonly hints: Observable<JournalHint> = this.heard;
  /** Hints may have been missed: whoever waits for some looks into the journal. */
  readonly missed: Observable<void>;

  constructor(private readonly listener: Listener) {
    this.missed = listener.reconnected;
  }

  async onModuleInit(): Promise<void> {
    const payloads = await this.listener.listen(EVENTS_CHANNEL);
    payloads.subscribe((payload) => {
      const [sender, ...entries] = payload.split(' ');
      if (sender === this.listener.identity) return;
      for (const entry of entries) {
        const [executionId = '', sequence] = entry.split(':');
        this.heard.next({ executionId, sequence: Number(sequence) });
      }
    });
  }
}
