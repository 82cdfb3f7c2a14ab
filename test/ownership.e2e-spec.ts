import type { ServerResponse } from 'node:http';
import { DatabaseControl, LOCK_CONNECTIONS } from './support/database-control.js';
import { startFakeHttpServer } from './support/fake-http-server.js';
import { createDatabase, Server } from './support/server.js';
import { agent, pathOf, start, TERMINAL, upTo, Watch } from './support/watch.js';

const EXECUTIONS = 20;
const EVENTS = 'cloutagent.events';
const SETTINGS = {
  DISPATCH_POLL_INTERVAL_MS: '100',
  JOURNAL_POLL_INTERVAL_MS: '500',
  HTTP_ALLOWED_HOSTS: '127.0.0.1',
  // The requests of all executions are held until a process has been declared dead, which takes long on a busy machine.
  HTTP_TIMEOUT_MS: '600000',
};

/** An HTTP server that answers `/first/…` at once and holds `/last/…` until `release`. */
class CountingServer {
  /** The number of requests by path. */
  readonly posts = new Map<string, number>();
  private held: ServerResponse[] = [];
  private status: number | undefined;
  private readonly server = startFakeHttpServer(({ path }, response) => {
    this.posts.set(path, (this.posts.get(path) ?? 0) + 1);
    if (path.startsWith('/first/')) response.end('{}');
    else if (this.status === undefined) this.held.push(response);
    else response.writeHead(this.status).end('{}');
  });

  get waiting(): number {
    return this.held.length;
  }

  async url(): Promise<string> {
    return (await this.server).url;
  }

  /** Answers all held requests, and all later ones, with this status. */
  release(status: number): void {
    this.status = status;
    for (const response of this.held) response.writeHead(status).end('{}');
    this.held = [];
  }

  async close(): Promise<void> {
    await (await this.server).close();
  }
}

interface EventRow {
  execution_id: string;
  sequence: number;
  type: string;
  node_id: string | null;
  step_status: string | null;
}

interface ExecutionRow {
  id: string;
  status: string;
  completed_at: Date | null;
  owner: string | null;
  attempt: number;
}

/** Two server processes on one database. The first one owns executions whose last node waits for the counting server. */
class Stage {
  private constructor(
    readonly database: DatabaseControl,
    readonly counting: CountingServer,
    readonly owner: Server,
    readonly taker: Server,
    readonly ids: readonly string[],
    readonly watches: readonly Watch[],
  ) {}

  static async open(): Promise<Stage> {
    const database = await DatabaseControl.open(await createDatabase());
    const counting = new CountingServer();
    const url = await counting.url();
    // All its slots are in use, so that it does not claim its own executions again.
    const owner = await Stage.startServer(database, 'owner', {
      MAX_EXECUTIONS_PER_PROCESS: String(EXECUTIONS),
    });
    const post = (id: string, key: number) => ({
      id,
      type: 'http',
      data: { config: { method: 'POST', url: `${url}/${id}/${key}`, body: {} } },
    });
    const ids = await Promise.all(
      upTo(EXECUTIONS).map((key) =>
        owner.startExecution(start([post('first', key), post('last', key)], [['first', 'last']])),
      ),
    );
    const inOwner = ids.map((id) => new Watch(owner.url, pathOf(id)));
    for (const watch of inOwner) await watch.until((now) => now.frames.some(isLastRunning));
    await database.until(() => Promise.resolve(counting.waiting === EXECUTIONS), 60_000);
    // The second process starts only now, so that the first one owns all executions.
    const taker = await Stage.startServer(database, 'taker');
    const inTaker = ids.map((id) => new Watch(taker.url, pathOf(id)));
    for (const watch of inTaker) await watch.until((now) => now.frames.some(isLastRunning));
    return new Stage(database, counting, owner, taker, ids, [...inOwner, ...inTaker]);
  }

  static async startServer(
    database: DatabaseControl,
    name: string,
    more: Record<string, string> = {},
  ): Promise<Server> {
    return Server.start({ ...SETTINGS, ...more, DATABASE_URL: await database.addRole(name) });
  }

  rows(): Promise<ExecutionRow[]> {
    return this.database.rows('SELECT * FROM cloutagent.executions WHERE id = ANY ($1) ORDER BY id', [
      this.ids,
    ]);
  }

  /** Waits for the ends, stops both processes, and counts the executions and watchers with each kind of violation. */
  async countViolations(status: string): Promise<Record<string, number>> {
    const hasEnded = async () =>
      this.watches.every((watch) => watch.ended) && (await this.rows()).every((row) => row.completed_at);
    await this.database.until(hasEnded, 60_000);
    await Promise.all([this.owner.kill('SIGTERM'), this.taker.kill('SIGTERM')]);
    const rows = await this.rows();
    const events = await this.database.rows<EventRow>(
      `SELECT execution_id, sequence, type, step->>'nodeId' AS node_id, step->>'status' AS step_status
       FROM cloutagent.events, LATERAL (SELECT CASE type WHEN 'execution:step' THEN data::json END AS step) AS s
       WHERE execution_id = ANY ($1) ORDER BY execution_id, sequence`,
      [this.ids],
    );
    const journals = this.ids.map((id) => events.filter((event) => event.execution_id === id));
    const count = (isWrong: (journal: EventRow[], index: number) => boolean) =>
      journals.filter(isWrong).length;
    return {
      open: rows.filter((row) => row.completed_at === null).length,
      ofAnotherStatus: rows.filter((row) => row.status !== status).length,
      withoutOneEnd: count((journal) => journal.filter(({ type }) => TERMINAL.test(type)).length !== 1),
      endedOtherwise: count((journal) => journal.at(-1)?.type !== `execution:${status}`),
      withHoles: count((journal) => journal.some(({ sequence }, index) => sequence !== index + 1)),
      withFirstPostedAgain: count((_journal, index) => this.counting.posts.get(`/first/${index + 1}`) !== 1),
      withLastPostedUnrecorded: count(
        (journal, index) => this.counting.posts.get(`/last/${index + 1}`) !== runs(journal, 'last'),
      ),
      watchersThatDiffer: this.watches.filter((watch, index) => {
        const journal = journals[index % EXECUTIONS]!;
        const seen = watch.frames.map((frame) => `${frame.id} ${frame.type}`);
        return seen.join() !== journal.map((event) => `${event.sequence} ${event.type}`).join();
      }).length,
    };
  }

  async close(): Promise<void> {
    for (const watch of this.watches) watch.close();
    await Promise.all([this.owner.kill(), this.taker.kill()]);
    await this.counting.close();
    await this.database.close();
  }
}

const isLastRunning = ({ data }: Watch['frames'][number]): boolean =>
  data.nodeId === 'last' && data.status === 'running';
const runs = (journal: EventRow[], nodeId: string): number =>
  journal.filter((event) => event.node_id === nodeId && event.step_status === 'running').length;

const CLEAN = {
  open: 0,
  ofAnotherStatus: 0,
  withoutOneEnd: 0,
  endedOtherwise: 0,
  withHoles: 0,
  withFirstPostedAgain: 0,
  withLastPostedUnrecorded: 0,
  watchersThatDiffer: 0,
};

describe('the owner of an execution', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.open();
  });
  afterEach(() => stage.close());

  it.each(['completed', 'failed', 'cancelled'])(
    'records one end, also if it appends "%s" while another process takes the execution over',
    async (status) => {
      const { database, owner, taker } = stage;
      if (status === 'cancelled') {
        // The owner must get the requests only after the table is locked.
        owner.process.kill('SIGSTOP');
        for (const id of stage.ids) await taker.call('POST', `/api/executions/${id}/cancel`);
      }
      const unlock = await database.lock(EVENTS);
      owner.process.kill('SIGCONT');
      if (status !== 'cancelled') stage.counting.release(status === 'completed' ? 200 : 400);
      const ownerAppends = await database.until(() => database.waitsFor('owner', EVENTS), 60_000);
      let before = '';
      const isTakenOver = async () => {
        const rows = await stage.rows();
        const now = rows.map(({ owner: by, attempt }) => `${by} ${attempt}`).join();
        const isStill = now === before;
        before = now;
        // An execution with a cancel request may be ended without a claim.
        const isTaken = ({ attempt, owner: by }: ExecutionRow) =>
          attempt === 2 || (status === 'cancelled' && by === null);
        return isStill && rows.every(isTaken) && (await database.waitsFor('taker', EVENTS));
      };
      const admit = await database.cut('owner', LOCK_CONNECTIONS);
      const takenOver = await database.until(isTakenOver, 60_000);
      // The owner must append first: between the claim and the `execution:started` of the other process.
      const resumeTaker = await database.stopWaiting('taker', EVENTS);
      await unlock();
      await database.until(() => database.isIdle('owner'), 60_000);
      resumeTaker();
      await admit();
      expect({ ownerAppends, takenOver }).toEqual({ ownerAppends: true, takenOver: true });
      expect(await stage.countViolations(status)).toEqual(CLEAN);
    },
  );

  it('stays the owner while its LISTEN connection is down and another process is found dead', async () => {
    const { database, owner, taker } = stage;
    const mortal = await Stage.startServer(database, 'mortal');
    // While the others are stopped, the third process claims the next execution.
    for (const { process } of [owner, taker]) process.kill('SIGSTOP');
    const orphan = await mortal.startExecution(start([agent('hang', { hang: true })]));
    await new Watch(mortal.url, pathOf(orphan)).until((now) => now.frames.length > 2);
    const admit = await database.cut('owner', ['cloutagent-listener']);
    for (const { process } of [owner, taker]) process.kill('SIGCONT');
    await mortal.kill();
    const claimedAgain = () =>
      database.rows('SELECT FROM cloutagent.executions WHERE id = $1 AND attempt = 2', [orphan]);
    const isFound = await database.until(async () => (await claimedAgain()).length > 0, 60_000);
    await admit();
    expect(isFound).toBe(true);
    stage.counting.release(200);
    expect(await stage.countViolations('completed')).toEqual(CLEAN);
    expect((await stage.rows()).filter((row) => row.attempt > 1)).toHaveLength(0);
  });
});
