import type { ExecutionFailure, Step, Workflow } from '@cloutagent/contract';
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import type { Data } from '../support/answer.ts';
import { ADMIN_KEY } from '../support/server.ts';
import { checkJournal, isTerminalType, type JournalRow, outline } from './journal-rules.ts';
import { storedEvents } from '../support/stored-events.ts';

/** An execution that a client has started, and how it may end. */
export interface ExpectedExecution {
  id: string;
  /** The statuses that it may end with. */
  endings: readonly string[];
  /** The code that the workflow is meant to fail with. */
  failureCode?: string;
  /** The Idempotency-Key that it was started with. Exactly one execution must have it. */
  idempotencyKey?: string;
  /** By node id: how many requests the node sent. Each claim of the execution may send at most one for each node. */
  requests?: ReadonlyMap<string, number>;
}

/** A frame as a watcher received it. */
export interface SeenFrame {
  id: string;
  type: string;
  data: string;
}

/** What one watcher received over all its connections. */
export interface WatcherLog {
  name: string;
  executionId: string;
  /** The Last-Event-ID of its first connection. */
  after: number;
  frames: readonly SeenFrame[];
  /** Answers that no watcher should get, one sentence each. */
  complaints: readonly string[];
}

export interface Evidence {
  executions: readonly ExpectedExecution[];
  watchers: readonly WatcherLog[];
  /** Base URLs of the processes. Each process is asked for each execution. */
  servers: readonly string[];
}

interface Row {
  id: string;
  status: string;
  attempt: number;
  completed_at: Date | null;
  output: unknown;
  error: ExecutionFailure | null;
  workflow: Workflow;
  owner: string | null;
  /** Undefined if the schema has no such column. */
  runnable_at?: Date | null;
}

/**
 * Compares ended executions in the database, in the answers of the processes and in the logs of the watchers.
 * @param databaseUrl URL of the database without a fault link
 * @returns violations, one sentence each
 */
export async function judge(databaseUrl: string, evidence: Evidence): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const problems: string[] = [];
    for (const expected of evidence.executions) {
      const found = await client.query<Row>('SELECT * FROM cloutagent.executions WHERE id = $1', [
        expected.id,
      ]);
      const row = found.rows[0];
      const journal = await storedEvents(client, expected.id);
      const watchers = evidence.watchers.filter(({ executionId }) => executionId === expected.id);
      const own = row
        ? [
            ...checkRow(row, journal, expected),
            ...checkJournal(journal, row.workflow),
            ...checkRequests(journal, expected),
            ...watchers.flatMap((watcher) => checkWatcher(watcher, journal)),
            ...(await checkAnswers(row, journal, evidence.servers)),
          ]
        : ['It is not in the database.'];
      if (expected.idempotencyKey !== undefined && row)
        own.push(...(await checkKey(client, expected.idempotencyKey)));
      problems.push(...own.map((problem) => `Execution ${expected.id}: ${problem}`));
      if (own.length > 0) problems.push(`Its journal: ${outline(journal)}`);
    }
    return problems;
  } finally {
    await client.end();
  }
}

function checkRow(row: Row, journal: readonly JournalRow[], expected: ExpectedExecution): string[] {
  const problems: string[] = [];
  const end = journal.findLast(({ type }) => isTerminalType(type));
  const ending = end?.type.replace('execution:', '');
  if (end && ending !== row.status)
    problems.push(`The row has status ${row.status}; the journal ends with ${end.type}.`);
  if (!expected.endings.includes(row.status))
    problems.push(`It is ${row.status}; expected: ${expected.endings.join(' or ')}.${describe(row.error)}`);
  else if (row.status === 'failed' && row.error?.code !== expected.failureCode)
    problems.push(`It failed, but not as expected (${expected.failureCode}).${describe(row.error)}`);
  if (!row.completed_at) problems.push('Its row has no completed_at.');
  // Since migration 5 the row is the queue.
  if ('runnable_at' in row) {
    if (row.owner !== null) problems.push(`It has ended, but process ${row.owner} still owns it.`);
    if (row.runnable_at !== null) problems.push('It has ended, but is still queued (runnable_at).');
  }
  const attempts = journal
    .filter(({ type }) => type === 'execution:started')
    .map(({ data }) => (JSON.parse(data) as { attempt: number }).attempt);
  if (Math.max(0, ...attempts) > row.attempt)
    problems.push(`The row has attempt ${row.attempt}; the journal has ${Math.max(...attempts)}.`);
  if (end) problems.push(...checkOutcome(row, JSON.parse(end.data) as Partial<Data>));
  return problems;
}

const describe = (error: Row['error']): string =>
  error ? ` The error is ${error.code}: ${error.message}` : '';

/** Checks that the row and the terminal event have the same result. */
function checkOutcome(row: Row, end: Partial<Data>): string[] {
  if (row.status === 'completed') {
    if (!isDeepStrictEqual(end.result?.output, row.output))
      return ['The output of the row differs from that of the terminal event.'];
  } else if (row.status === 'failed' && (row.error?.code !== end.code || row.error?.message !== end.error))
    return [`The row has the error ${row.error?.code}, the terminal event ${end.code}.`];
  return [];
}

/** Checks that each claim ran the node at most once, and that no claim ran it after it had completed. */
function checkRequests(journal: readonly JournalRow[], { requests }: ExpectedExecution): string[] {
  const problems: string[] = [];
  for (const [nodeId, count] of requests ?? []) {
    let attempt = 0;
    let isCompleted = false;
    for (const { type, data } of journal) {
      const fields = JSON.parse(data) as Data;
      if (type === 'execution:started') attempt = fields.attempt;
      isCompleted = type === 'execution:step' && fields.nodeId === nodeId && fields.status === 'completed';
      if (isCompleted) break;
    }
    if (count > attempt)
      problems.push(
        `Node ${nodeId} sent ${count} requests in ${attempt} claims, although it is never retried.`,
      );
    if (isCompleted && count === 0) problems.push(`Node ${nodeId} has completed and sent no request.`);
  }
  return problems;
}

/** Checks that the frames are exactly the rows of the journal, up to the terminal event. */
function checkWatcher(
  { name, after, frames, complaints }: WatcherLog,
  journal: readonly JournalRow[],
): string[] {
  const problems = complaints.map((complaint) => `Watcher ${name}: ${complaint}`);
  const expected = journal.filter(({ sequence }) => sequence > after);
  for (const [index, frame] of frames.entries()) {
    const row = expected[index];
    if (
      row &&
      frame.id === String(row.sequence) &&
      frame.type === row.type &&
      isSameData(frame.data, row.data)
    )
      continue;
    const wanted = row ? `${row.type} ${row.sequence} ${row.data.slice(0, 200)}` : 'nothing more';
    return [
      ...problems,
      `Watcher ${name} saw ${frame.type} ${frame.id} ${frame.data.slice(0, 200)}; the journal has ${wanted}.`,
    ];
  }
  if (frames.length < expected.length)
    problems.push(
      `Watcher ${name} saw ${frames.length} of ${expected.length} events, without the terminal one.`,
    );
  return problems;
}

/** Compares data. A frame may also hold type and sequence, which are added when it is framed and are not stored. */
function isSameData(framed: string, stored: string): boolean {
  if (framed === stored) return true;
  const { type: _type, sequence: _sequence, ...rest } = JSON.parse(framed) as Record<string, unknown>;
  return isDeepStrictEqual(rest, JSON.parse(stored));
}

/** Checks that every process answers with the contents of the row and the journal. */
async function checkAnswers(
  row: Row,
  journal: readonly JournalRow[],
  servers: readonly string[],
): Promise<string[]> {
  const problems: string[] = [];
  const steps = new Map<string, string>();
  for (const { type, data } of journal) {
    if (type !== 'execution:step') continue;
    const { stepId, status } = JSON.parse(data) as { stepId: string; status: string };
    steps.set(stepId, status);
  }
  const expected = {
    status: row.status,
    lastSequence: journal.at(-1)?.sequence ?? 0,
    completedAt: row.completed_at?.toISOString(),
    output: row.status === 'completed' ? row.output : undefined,
    error: row.error ?? undefined,
    steps: [...steps],
  };
  for (const server of servers) {
    const response = await fetch(new URL(`/api/executions/${row.id}`, server), {
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
    });
    const body = JSON.parse(await response.text()) as Record<string, unknown>;
    if (response.status !== 200) {
      problems.push(`GET answers ${response.status} ${String(body['code'])}.`);
      continue;
    }
    const given: Record<string, unknown> = {
      ...Object.fromEntries(Object.keys(expected).map((key) => [key, body[key]])),
      steps: (body['steps'] as Step[]).map(({ stepId, status }) => [stepId, status]),
    };
    for (const [key, value] of Object.entries(expected))
      if (!isDeepStrictEqual(given[key], value))
        problems.push(`GET answers ${key} ${short(given[key])}; the database has ${short(value)}.`);
  }
  return problems;
}

const short = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 200);

async function checkKey(client: pg.Client, key: string): Promise<string[]> {
  const { rowCount } = await client.query('SELECT 1 FROM cloutagent.executions WHERE idempotency_key = $1', [
    key,
  ]);
  return rowCount === 1 ? [] : [`Its Idempotency-Key started ${rowCount} executions.`];
}
