import type { Json, Workflow } from '@cloutagent/contract';
import type pg from 'pg';
import type { WaitDetails } from '../../database/schema.js';
import { callbackName, type KeptSignal, type SignalWait } from './signal-matching.js';

/** The execution that a signal is for. */
export interface SignalTarget {
  projectId: string;
  isOver: boolean;
  status: string;
  /** Ids of the versions of secrets that the execution has used. */
  secretVersions: readonly string[];
}

/** A signal as it is stored. */
export interface StoredSignal {
  id: string;
  name: string;
  body: Json;
  sentBy: string;
  sentAt: Date;
}

const STORED = 'id, name, body, sent_by AS "sentBy", sent_at AS "sentAt"';

/** Statements about signals. Call those that write in a transaction that has locked the execution's row. */
export const signalStore = {
  async target(client: pg.ClientBase | pg.Pool, executionId: string): Promise<SignalTarget | undefined> {
    const { rows } = await client.query<SignalTarget>(
      `SELECT project_id AS "projectId", completed_at IS NOT NULL AS "isOver", status,
         secret_versions AS "secretVersions"
       FROM cloutagent.executions WHERE id = $1`,
      [executionId],
    );
    return rows[0];
  },

  /** Reads the open waits for signals that have not expired, oldest first. */
  async openWaits(client: pg.ClientBase, executionId: string): Promise<SignalWait[]> {
    const { rows } = await client.query<Omit<SignalWait, 'schema'> & { request: WaitDetails }>(
      `SELECT id, node_id AS "nodeId", signal, request FROM cloutagent.waits
       WHERE execution_id = $1 AND kind = 'signal' AND outcome IS NULL
         AND (until IS NULL OR until > clock_timestamp())
       ORDER BY created_at, id`,
      [executionId],
    );
    return rows.map(({ request, ...wait }) => ({ ...wait, schema: request.schema }));
  },

  /** Reads the kept signals that the waits are for, oldest first. */
  async keptFor(
    client: pg.ClientBase,
    executionId: string,
    waits: readonly SignalWait[],
  ): Promise<KeptSignal[]> {
    if (waits.length === 0) return [];
    const names = new Set(waits.flatMap(({ signal, nodeId }) => [signal, callbackName(nodeId)]));
    const { rows } = await client.query<KeptSignal>(
      `SELECT id, name FROM cloutagent.signals
       WHERE execution_id = $1 AND wait_id IS NULL AND name = ANY ($2::text[]) ORDER BY sent_at, id`,
      [executionId, [...names]],
    );
    return rows;
  },

  async hasKept(client: pg.Pool, executionId: string): Promise<boolean> {
    const { rows } = await client.query<{ exists: boolean }>({
      name: 'signals-has-kept',
      text: 'SELECT EXISTS (SELECT FROM cloutagent.signals WHERE execution_id = $1 AND wait_id IS NULL)',
      values: [executionId],
    });
    return rows[0]!.exists;
  },

  async countKept(client: pg.ClientBase, executionId: string): Promise<number> {
    const { rows } = await client.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM cloutagent.signals WHERE execution_id = $1 AND wait_id IS NULL',
      [executionId],
    );
    return rows[0]!.count;
  },

  async read(client: pg.ClientBase | pg.Pool, ids: readonly string[]): Promise<Map<string, StoredSignal>> {
    const { rows } = await client.query<StoredSignal>(
      `SELECT ${STORED} FROM cloutagent.signals WHERE id = ANY ($1::uuid[])`,
      [ids],
    );
    return new Map(rows.map((row) => [row.id, row]));
  },

  async findByKey(
    client: pg.ClientBase,
    executionId: string,
    sentBy: string,
    idempotencyKey: string,
  ): Promise<StoredSignal | undefined> {
    const { rows } = await client.query<StoredSignal>(
      `SELECT ${STORED} FROM cloutagent.signals
       WHERE execution_id = $1 AND sent_by = $2 AND idempotency_key = $3`,
      [executionId, sentBy, idempotencyKey],
    );
    return rows[0];
  },

  /** Inserts a signal. Its time is that of the statement: the order of signals is that in which they got the lock. */
  async insert(
    client: pg.ClientBase,
    executionId: string,
    signal: Omit<StoredSignal, 'sentAt'> & { idempotencyKey: string | undefined; waitId: string | null },
  ): Promise<Date> {
    const { rows } = await client.query<{ sentAt: Date }>(
      `INSERT INTO cloutagent.signals (id, execution_id, name, body, sent_by, sent_at, idempotency_key, wait_id)
       VALUES ($1, $2, $3, $4, $5, clock_timestamp(), $6, $7) RETURNING sent_at AS "sentAt"`,
      [
        signal.id,
        executionId,
        signal.name,
        JSON.stringify(signal.body),
        signal.sentBy,
        signal.idempotencyKey ?? null,
        signal.waitId,
      ],
    );
    return rows[0]!.sentAt;
  },

  async consume(
    client: pg.ClientBase,
    matches: readonly { signal: KeptSignal; wait: SignalWait }[],
  ): Promise<void> {
    await client.query(
      `UPDATE cloutagent.signals AS s SET wait_id = m.wait_id
       FROM unnest($1::uuid[], $2::uuid[]) AS m(id, wait_id) WHERE s.id = m.id`,
      [matches.map(({ signal }) => signal.id), matches.map(({ wait }) => wait.id)],
    );
  },

  async workflow(client: pg.Pool, executionId: string): Promise<Workflow | undefined> {
    const { rows } = await client.query<{ workflow: Workflow }>(
      'SELECT workflow FROM cloutagent.executions WHERE id = $1',
      [executionId],
    );
    return rows[0]?.workflow;
  },
};
