import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { Listener } from '../database/listener.js';

/** Channel of the notifications. A payload is a list of execution ids, separated by spaces. */
const DELETIONS_CHANNEL = 'cloutagent_deletions';
/** PostgreSQL accepts payloads of less than 8,000 bytes, and an id with its space has 37. */
const IDS_PER_PAYLOAD = 200;

const NOTIFY = 'SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload';

/**
 * Notifies all processes of deleted executions, this one included. PostgreSQL sends the notifications with the commit of the
 * deletion, so they are lost only while a process does not listen. Streams check for themselves too, now and then.
 */
@Injectable()
export class DeletionNotices implements OnModuleInit {
  private readonly received = new Subject<string>();
  /** Emits the id of each deleted execution. */
  readonly deleted: Observable<string> = this.received;

  constructor(private readonly listener: Listener) {}

  async onModuleInit(): Promise<void> {
    (await this.listener.listen(DELETIONS_CHANNEL)).subscribe((payload) => {
      for (const id of payload.split(' ')) this.received.next(id);
    });
  }

  /** Returns the query that notifies all processes. It belongs into the transaction of the deletion. */
  query(executionIds: readonly string[]): { text: string; values: unknown[] } {
    const payloads: string[] = [];
    for (let start = 0; start < executionIds.length; start += IDS_PER_PAYLOAD)
      payloads.push(executionIds.slice(start, start + IDS_PER_PAYLOAD).join(' '));
    return { text: NOTIFY, values: [DELETIONS_CHANNEL, payloads] };
  }
}
