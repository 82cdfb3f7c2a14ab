import pg from 'pg';
import { createDatabase, Server } from '../support/server.ts';
import { agent, delay, start } from '../support/watch.ts';
import { type Evidence, judge, type SeenFrame } from './oracle.ts';
import { checkJournal, type JournalRow } from './journal-rules.ts';
import { Watcher } from './watcher.ts';
import { storedEvents } from '../support/stored-events.ts';

const nodes = [
  agent('a', { chunks: 5, delayMs: 0, failTimes: 1 }),
  agent('b', { chunks: 3, delayMs: 0 }),
  { id: 'c', type: 'transform', data: { config: { expression: 'nodes.b.output' } } },
  delay('d', 1),
];
const edges: [string, string][] = [
  ['a', 'c'],
  ['b', 'c'],
  ['c', 'd'],
];

describe('the oracle', () => {
  let server: Server;
  let client: pg.Client;
  let database: string;
  let evidence: Evidence;
  let rows: JournalRow[];
  const at = (type: string, fields: Record<string, unknown> = {}): number =>
    rows.findIndex(
      (row) =>
        row.type === type &&
        Object.entries(fields).every(([key, value]) => JSON.parse(row.data)[key] === value),
    );
  const workflow = () => start(nodes, edges).workflow as Parameters<typeof checkJournal>[1];
  /** Replaces so many rows at an index, and numbers the sequences again. */
  const spliced = (index: number, removed: number, ...added: Omit<JournalRow, 'sequence'>[]) =>
    rows
      .toSpliced(index, removed, ...added.map((row) => ({ sequence: 0, ...row })))
      .map((row, position) => ({ ...row, sequence: position + 1 }));
  const changed = (index: number, fields: Record<string, unknown>): JournalRow[] => {
    const row = rows[index]!;
    const data = JSON.stringify({ ...(JSON.parse(row.data) as object), ...fields });
    return rows.with(index, { ...row, data });
  };

  beforeAll(async () => {
    database = await createDatabase();
    server = await Server.start({ DATABASE_URL: database, RETRY_BASE_MS: '1' });
    client = new pg.Client({ connectionString: database });
    await client.connect();
    const id = await server.startExecution(start(nodes, edges));
    const watcher = new Watcher('w', id, () => server.url, 0);
    await watcher.done;
    evidence = {
      executions: [{ id, endings: ['completed'], requests: new Map([['a', 1]]) }],
      watchers: [watcher.log],
      servers: [server.url],
    };
    rows = await storedEvents(client, id);
  });

  afterAll(async () => {
    await client.end();
    await server.kill('SIGTERM');
  });

  it('reports nothing for an execution that ended as expected', async () => {
    expect(await judge(database, evidence)).toEqual([]);
    expect(checkJournal(rows, workflow())).toEqual([]);
  });

  it.each<[string, () => JournalRow[], RegExp]>([
    ['a hole', () => rows.toSpliced(2, 1), /sequence 4 where 3 is expected/],
    ['a repeated sequence', () => rows.toSpliced(2, 0, rows[2]!), /sequence 3 where 4 is expected/],
    ['no terminal event', () => rows.slice(0, -1), /no terminal event/],
    ['two terminal events', () => spliced(rows.length, 0, rows.at(-1)!), /2 terminal events/],
    [
      'an event after the terminal event',
      () => spliced(rows.length, 0, rows[at('execution:progress')]!),
      /execution:progress at \d+ after execution:completed/,
    ],
    [
      'a result with another last sequence',
      () => spliced(at('execution:progress'), 1),
      /names \d+ as the last sequence; the event has/,
    ],
    [
      'an attempt number that does not rise',
      () => spliced(1, 0, rows[0]!),
      /Attempt 1 starts at 2 after attempt 1/,
    ],
    ['a late execution:started', () => spliced(0, 1, rows[1]!, rows[0]!), /starts with execution:step/],
    [
      'output during a pause',
      () => spliced(at('execution:output'), 0, { type: 'execution:paused', data: '{}' }),
      /execution:output at \d+ was recorded during the pause/,
    ],
    [
      'a node that runs again after it has completed',
      () => spliced(rows.length - 1, 0, rows[at('execution:step', { nodeId: 'b', status: 'running' })]!),
      /Node b has execution:step at \d+, but it completed at/,
    ],
    [
      'output of a node after it has completed',
      () => spliced(rows.length - 1, 0, rows[at('execution:output', { nodeId: 'b' })]!),
      /Node b has execution:output at \d+, but it completed/,
    ],
    [
      'output without a step',
      () => changed(at('execution:output'), { stepId: 'other' }),
      /execution:output at \d+ belongs to a step that is unknown/,
    ],
    [
      'a step that starts twice',
      () => {
        const index = at('execution:step', { nodeId: 'a', status: 'running' });
        return spliced(index, 0, rows[index]!);
      },
      /of node a starts again/,
    ],
    [
      'two steps of a node at the same time',
      () =>
        changed(at('execution:step', { nodeId: 'a', status: 'retrying' }), {
          status: 'running',
          stepId: 'x',
        }),
      /Node a starts at \d+ while another step of it is open/,
    ],
    [
      'an attempt number of a node that does not rise',
      () => changed(at('execution:step', { nodeId: 'a', status: 'running', attempt: 2 }), { attempt: 1 }),
      /Node a starts attempt 1 at \d+ after attempt 1/,
    ],
    [
      'a node that starts before its parents have completed',
      () => {
        const index = at('execution:step', { nodeId: 'd', status: 'running' });
        return spliced(1, 0, rows[index]!);
      },
      /Node d starts at 2, before node c has completed/,
    ],
    [
      'a step with an unknown status',
      () => changed(at('execution:step', { nodeId: 'a', status: 'retrying' }), { status: 'lost' }),
      /has status lost/,
    ],
    [
      'a step that ends without having started',
      () => spliced(at('execution:step', { nodeId: 'a', status: 'running' }), 1),
      /of node a ends as retrying at \d+, but it is unknown/,
    ],
    [
      'a step that never ends',
      () => spliced(at('execution:step', { nodeId: 'a', status: 'retrying' }), 1),
      /Step .+ of node a started and never ended/,
    ],
    [
      'a node that has not completed',
      () => spliced(at('execution:step', { nodeId: 'd', status: 'completed' }), 1),
      /has completed, but its node d has not/,
    ],
    [
      'a lost chunk',
      () => spliced(at('execution:output', { nodeId: 'b' }), 1),
      /Node b has an output of \d+ bytes of JSON, its chunks have/,
    ],
    [
      'a duplicated chunk',
      () => {
        const index = at('execution:output', { nodeId: 'b' });
        return spliced(index, 0, rows[index]!);
      },
      /Node b has an output of \d+ bytes of JSON, its chunks have/,
    ],
  ])('reports %s in a journal', (_what, broken, violation) => {
    expect(checkJournal(broken(), workflow()).join('\n')).toMatch(violation);
  });

  const frames = (change: (seen: SeenFrame[]) => SeenFrame[]): Partial<Evidence> => {
    const watcher = evidence.watchers[0]!;
    return { watchers: [{ ...watcher, frames: change([...watcher.frames]) }] };
  };
  it.each<[string, () => Partial<Evidence>, RegExp]>([
    ['misses a frame', () => frames((seen) => seen.toSpliced(3, 1)), /Watcher w saw .+ the journal has/],
    [
      'gets a frame twice',
      () => frames((seen) => seen.toSpliced(3, 0, seen[3]!)),
      /Watcher w saw .+ the journal has/,
    ],
    [
      'gets a frame with different data',
      () => frames((seen) => seen.with(2, { ...seen[2]!, data: '{}' })),
      /Watcher w saw execution:step 3 \{\}; the journal has/,
    ],
    [
      'gets a frame with a different type',
      () => frames((seen) => seen.with(2, { ...seen[2]!, type: 'execution:paused' })),
      /Watcher w saw execution:paused 3/,
    ],
    [
      'does not get the terminal event',
      () => frames((seen) => seen.slice(0, -1)),
      /without the terminal one/,
    ],
    [
      'gets more frames than the journal has events',
      () => frames((seen) => [...seen, { ...seen.at(-1)!, id: String(seen.length + 1) }]),
      /the journal has nothing more/,
    ],
    [
      'gets an error response',
      () => ({ watchers: [{ ...evidence.watchers[0]!, complaints: ['It got 404.'] }] }),
      /Watcher w: It got 404/,
    ],
  ])('reports a watcher that %s', async (_what, broken, violation) => {
    expect((await judge(database, { ...evidence, ...broken() })).join('\n')).toMatch(violation);
  });

  it('accepts a watcher that starts at a later event', async () => {
    const { watchers } = frames((seen) => seen.slice(4));
    expect(await judge(database, { ...evidence, watchers: [{ ...watchers![0]!, after: 4 }] })).toEqual([]);
  });

  it('accepts frames whose data also holds type and sequence', async () => {
    const { watchers } = frames((seen) =>
      seen.map((frame) => ({
        ...frame,
        data: JSON.stringify({
          type: frame.type,
          sequence: Number(frame.id),
          ...(JSON.parse(frame.data) as object),
        }),
      })),
    );
    expect(await judge(database, { ...evidence, watchers: watchers! })).toEqual([]);
  });

  const expecting = (more: object): Evidence => ({
    ...evidence,
    executions: [{ ...evidence.executions[0]!, ...more }],
  });
  it.each<[string, () => Evidence, RegExp]>([
    [
      'that is not in the database',
      () => expecting({ id: '00000000-0000-7000-8000-000000000000' }),
      /not in the database/,
    ],
    [
      'that ended with another status than expected',
      () => expecting({ endings: ['failed'] }),
      /It is completed; expected: failed/,
    ],
    [
      'that no request with its Idempotency-Key has started',
      () => expecting({ idempotencyKey: 'none' }),
      /started 0 executions/,
    ],
    [
      'that sent too many requests',
      () => expecting({ requests: new Map([['a', 2]]) }),
      /Node a sent 2 requests in 1 claims/,
    ],
    [
      'that sent no request',
      () => expecting({ requests: new Map([['a', 0]]) }),
      /has completed and sent no request/,
    ],
  ])('reports an execution %s', async (_what, broken, violation) => {
    expect((await judge(database, broken())).join('\n')).toMatch(violation);
  });

  it.each<[string, string, RegExp]>([
    [
      'another status',
      `status = 'cancelled'`,
      /row has status cancelled; the journal ends with execution:completed/,
    ],
    ['no completed_at', 'completed_at = NULL', /no completed_at/],
    ['another output', `output = '"other"'`, /output of the row differs from that of the terminal event/],
    [
      'a failure',
      `status = 'failed', error = '{"code":"too_many_recoveries","message":"25 died"}'`,
      /expected: completed. The error is too_many_recoveries: 25 died/,
    ],
    ['an older attempt', 'attempt = 0', /row has attempt 0; the journal has 1/],
  ])('reports a row with %s', async (_what, change, violation) => {
    const { id } = evidence.executions[0]!;
    expect(await judgeChanged(id, change)).toMatch(violation);
  });

  it('reports an ended execution that is still owned or queued', async () => {
    const columns = await client.query<{ column_name: string }>(
      `SELECT column_name FROM information_schema.columns WHERE table_schema = 'cloutagent' AND table_name = 'executions'`,
    );
    if (!columns.rows.some(({ column_name }) => column_name === 'runnable_at')) return;
    const { id } = evidence.executions[0]!;
    expect(await judgeChanged(id, `owner = '7'`)).toMatch(/process 7 still owns it/);
    expect(await judgeChanged(id, 'runnable_at = now()')).toMatch(/still queued/);
  });

  it('reports a process whose answer differs from the database', async () => {
    const other = await Server.start({ DATABASE_URL: await createDatabase() });
    const problems = await judge(database, { ...evidence, servers: [server.url, other.url] });
    expect(problems.join('\n')).toMatch(/GET answers 404 not_found/);
    await other.kill('SIGTERM');
  });

  /** Changes the row, judges, and undoes the change. */
  async function judgeChanged(id: string, change: string): Promise<string> {
    await client.query('CREATE TEMP TABLE kept AS SELECT * FROM cloutagent.executions WHERE id = $1', [id]);
    await client.query(`UPDATE cloutagent.executions SET ${change} WHERE id = $1`, [id]);
    const problems = await judge(database, evidence);
    const columns = [...new Set([...change.matchAll(/(\w+) = /g)].map(([, name]) => name!))];
    await client.query(
      `UPDATE cloutagent.executions SET ${columns.map((name) => `${name} = kept.${name}`).join(', ')}
       FROM kept WHERE executions.id = kept.id`,
    );
    await client.query('DROP TABLE kept');
    return problems.join('\n');
  }
});
