import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Holder } from '../../common/holder.js';
import { sha256 } from '../../common/sha256.js';
import { Database } from '../../database/database.js';
import { Listener } from '../../database/listener.js';
import { ProcessIdentity } from '../../database/process-identity.js';

/** What the client of an open call has sent in another request. */
export type CallNotice =
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'declined' }
  | { readonly kind: 'invalid'; readonly waitId: string; readonly problem: string };

const CHANNEL = 'cloutagent_mcp_calls';
/** PostgreSQL takes payloads below 8,000 bytes. */
const PROBLEM_MAX_LENGTH = 1_000;

type Handler = (notice: CallNotice) => void;

/**
 * Passes notices to the process that has a call open: with the revisions before 2026-07-28, a client cancels a call and answers
 * a form in requests of their own, which any process may receive. A notice that is lost has the effect of one that was not sent.
 */
@Injectable()
export class CallPeers implements OnModuleInit {
  private readonly calls = new Map<string, Set<Handler>>();

  constructor(
    private readonly database: Database,
    private readonly listener: Listener,
    private readonly identity: ProcessIdentity,
  ) {}

  async onModuleInit(): Promise<void> {
    const payloads = await this.listener.listen(CHANNEL);
    payloads.subscribe((payload) => {
      const { sender, key, notice } = JSON.parse(payload) as {
        sender: string;
        key: string;
        notice: CallNotice;
      };
      if (sender !== this.identity.value) this.deliver(key, notice);
    });
  }

  /** Receives the notices for a call until the holder is released. @param parts name the call, or one of its waits */
  register(parts: readonly unknown[], handler: Handler): Holder {
    const key = keyOf(parts);
    const handlers = this.calls.get(key) ?? new Set();
    this.calls.set(key, handlers.add(handler));
    return new Holder(() => {
      handlers.delete(handler);
      if (handlers.size === 0) this.calls.delete(key);
    });
  }

  /** Sends a notice to the call on this process or another one. */
  async notify(parts: readonly unknown[], notice: CallNotice): Promise<void> {
    const key = keyOf(parts);
    if (this.deliver(key, notice)) return;
    const short =
      notice.kind === 'invalid'
        ? { ...notice, problem: notice.problem.slice(0, PROBLEM_MAX_LENGTH) }
        : notice;
    const payload = JSON.stringify({ sender: this.identity.value, key, notice: short });
    await this.database.pool.query('SELECT pg_notify($1, $2)', [CHANNEL, payload]);
  }

  private deliver(key: string, notice: CallNotice): boolean {
    const handlers = this.calls.get(key);
    for (const handler of handlers ?? []) handler(notice);
    return handlers !== undefined;
  }
}

const keyOf = (parts: readonly unknown[]): string => sha256(JSON.stringify(parts)).toString('base64url');
