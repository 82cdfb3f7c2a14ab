import { Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import type pg from 'pg';
import { randomBytes } from 'node:crypto';
import { sha256 } from '../../common/sha256.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import { ProblemError } from '../../problems/problem.error.js';
import { NodeError } from '../extension/node-handler.js';
import { callbackName, type SignalWait } from './signal-matching.js';
import { Signals } from './signals.js';

/** `SecretRedactor` recognises tokens by this form. */
const TOKEN = /^cbk_[A-Za-z0-9_-]{43}$/;
const TOKEN_BYTES = 32;

/** What `by` of a wait is that a callback ended: the sender is not known. */
const BY_CALLBACK = 'callback';

interface Callback {
  executionId: string;
  nodeId: string;
  isUsed: boolean;
}

/** 410: the address was used, or what it is for has ended. */
class CallbackUsedError extends ProblemError {
  constructor() {
    super('callback_used');
  }
}

/**
 * Addresses at which third parties, which have no key, end the wait of a `wait` node. An address works once. Its token is a
 * secret: only its hash is stored, and the redactor replaces it in events, outputs, errors and logs.
 */
@Injectable()
export class Callbacks {
  constructor(
    private readonly database: Database,
    private readonly signals: Signals,
    private readonly settings: Settings,
  ) {}

  /**
   * Makes an address for the wait of a node, also before that wait begins. Each call makes another address; the first one
   * that is used ends the wait.
   * @returns the value of `{{nodes.<id>.callbackUrl}}`
   * @throws NodeError `public_url_missing`
   */
  async addressOf(executionId: string, nodeId: string): Promise<string> {
    const { PUBLIC_URL: base } = this.settings;
    if (base === undefined)
      throw new NodeError(
        'public_url_missing',
        `{{nodes.${nodeId}.callbackUrl}} needs the address at which third parties reach this server: set PUBLIC_URL, for example to https://agents.example.com.`,
      );
    const token = `cbk_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
    await this.database.pool.query({
      name: 'callback-insert',
      text: 'INSERT INTO cloutagent.callbacks (hash, execution_id, node_id) VALUES ($1, $2, $3)',
      values: [sha256(token), executionId, nodeId],
    });
    return `${base.replace(/\/+$/, '')}/api/callbacks/${token}`;
  }

  /**
   * Ends the wait that an address is for, or keeps the body until that wait begins. A body that does not fit the wait does
   * not use the address up.
   * @throws ProblemError 404 for an unknown address, 410 `callback_used`, 400 `invalid_answer`, 429 `too_many_signals`,
   *   503 `no_worker_free`
   */
  async receive(token: string, body: Json): Promise<void> {
    const hash = sha256(token);
    const callback = TOKEN.test(token) ? await this.find(this.database.pool, hash) : undefined;
    if (!callback) throw new ProblemError('not_found', 'There is no such callback address.');
    const { executionId, nodeId, isUsed } = callback;
    if (isUsed) throw new CallbackUsedError();
    await this.signals
      .send({
        executionId,
        name: callbackName(nodeId),
        body,
        by: BY_CALLBACK,
        admit: async (client, waits) => {
          const now = await this.find(client, hash);
          if (!now || now.isUsed || !(await this.isExpected(client, callback, waits)))
            throw new CallbackUsedError();
        },
        onStored: async (client) => {
          await client.query('UPDATE cloutagent.callbacks SET used_at = now() WHERE hash = $1', [hash]);
        },
      })
      .catch((error: unknown) => {
        throw error instanceof ProblemError && error.code === 'execution_over'
          ? new CallbackUsedError()
          : error;
      });
  }

  private async find(client: pg.ClientBase | pg.Pool, hash: Buffer): Promise<Callback | undefined> {
    const { rows } = await client.query<Callback>({
      name: 'callback-find',
      text: `
        SELECT execution_id AS "executionId", node_id AS "nodeId", used_at IS NOT NULL AS "isUsed"
        FROM cloutagent.callbacks WHERE hash = $1`,
      values: [hash],
    });
    return rows[0];
  }

  /**
   * Whether the node still takes a callback. A `wait` node waits once, so a wait of it that has ended, or another callback
   * that is kept for it, excludes a further one.
   */
  private async isExpected(
    client: pg.PoolClient,
    { executionId, nodeId }: Callback,
    openWaits: readonly SignalWait[],
  ): Promise<boolean> {
    if (openWaits.some((wait) => wait.nodeId === nodeId)) return true;
    const { rows } = await client.query<{ done: boolean }>(
      `SELECT EXISTS (SELECT FROM cloutagent.waits WHERE execution_id = $1 AND node_id = $2 AND kind = 'signal')
         OR EXISTS (SELECT FROM cloutagent.signals WHERE execution_id = $1 AND name = $3 AND wait_id IS NULL) AS done`,
      [executionId, nodeId, callbackName(nodeId)],
    );
    return !rows[0]!.done;
  }
}
