import type { OnModuleInit } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import type { DeathDetector } from '../../cluster/death-detector.js';
import type { Database } from '../../database/database.js';
import type { Listener } from '../../database/listener.js';
import type { ProcessIdentity } from '../../database/process-identity.js';
import { decodeHints, encodeHints } from './hint-text.js';
import { type HintWatch, type JournalHint, NotificationTransport } from './notification-transport.js';

/** Channel of the notifications. A payload is the sender's identity, and a text of hints after a space. */
const EVENTS_CHANNEL = 'cloutagent_events';
const NOTIFY = 'SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload';
const WATCH: HintWatch = { established: undefined, release: () => undefined };

/** Carries hints by NOTIFY. Each process receives all hints of all others. */
export class PostgresNotifications extends NotificationTransport implements OnModuleInit {
  private readonly received = new Subject<JournalHint>();
  private readonly activitySubject = new Subject<void>();
  readonly hints: Observable<JournalHint> = this.received;
  readonly activity: Observable<void> = this.activitySubject;
  readonly missed: Observable<void>;
  readonly carrier = 'postgresql';
  readonly receivedBy = { postgresql: 0 };

  constructor(
    private readonly database: Database,
    private readonly listener: Listener,
    private readonly identity: ProcessIdentity,
    private readonly peers: DeathDetector,
  ) {
    super();
    this.missed = listener.reconnected;
  }

  async onModuleInit(): Promise<void> {
    (await this.listener.listen(EVENTS_CHANNEL)).subscribe((payload) => this.receive(payload));
    // Notifies the processes that have found no other one until now: they must send hints from now on.
    await this.notify([this.identity.value]);
  }

  async send(hints: readonly JournalHint[]): Promise<void> {
    await this.notify(encodeHints(hints).map((text) => `${this.identity.value} ${text}`));
  }

  watch(): HintWatch {
    return WATCH;
  }

  private receive(payload: string): void {
    const [sender = ''] = payload.split(' ', 1);
    if (sender === this.identity.value) return;
    this.peers.expectPeer(sender);
    const hints = decodeHints(payload.slice(sender.length + 1));
    this.receivedBy.postgresql += hints.length;
    for (const hint of hints) this.received.next(hint);
    if (hints.length > 0) this.activitySubject.next();
  }

  private async notify(payloads: readonly string[]): Promise<void> {
    await this.database.pool.query(NOTIFY, [EVENTS_CHANNEL, payloads]);
  }
}
