import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { callApi } from '../faults/api.ts';
import type { SeededRandom } from '../faults/random.ts';
import { StreamFollower } from '../faults/stream-follower.ts';
import { checkTree, outline, type StoredTree } from './rules.ts';
import { readTargets, readTree, type Target } from './store.ts';
import { makeWorkflow, SIGNAL } from './trees.ts';

/** The processes of a world, of which some may be down. */
export interface Servers {
  /** Returns the base URL of a running process; undefined while none is. */
  pick: (random: SeededRandom) => string | undefined;
}

export interface SequenceReport {
  seed: string;
  rootId: string | undefined;
  /** One sentence each. */
  violations: string[];
  /** The requests and their answers, one line each. */
  trace: string[];
  /** How the root ended. */
  status: string | undefined;
  executions: number;
}

const REQUESTS = {
  pauseRoot: 2,
  resumeRoot: 3,
  cancelRoot: 0.5,
  pause: 3,
  resume: 3,
  cancel: 1,
  answer: 7,
  signal: 3,
  wrong: 1,
};
const ACCEPTED = new Set([200, 202, 400, 404, 409]);
const TERMINAL = /execution:(completed|failed|cancelled)/;
const ENDED = /completed|failed|cancelled/;
const POLL_MS = 250;

/** One tree, and the random requests for it, up to its end. A seed decides the workflow and the requests. */
export class Sequence {
  private readonly violations: string[] = [];
  private readonly trace: string[] = [];
  private readonly began = performance.now();

  constructor(
    private readonly seed: string,
    private readonly random: SeededRandom,
    private readonly database: pg.Pool,
    private readonly servers: Servers,
    /** The longest time without an event after the last random request. */
    private readonly limitMs: number,
  ) {}

  async run(): Promise<SequenceReport> {
    const { random } = this;
    const rootId = await this.start();
    const streams = rootId === undefined ? [] : this.follow(rootId);
    if (rootId === undefined) return this.report(undefined, undefined);
    for (let left = random.whole(1, 8); left > 0; left -= 1) {
      await sleep(random.pick([0, 5, 30, 100, 300, 600]));
      await this.request(rootId);
    }
    await this.untilEnded(rootId);
    const tree = await readTree(this.database, rootId);
    if (this.violations.length === 0)
      this.violations.push(...checkTree(tree), ...(await this.checkStreams(streams, tree)));
    for (const { follower } of streams) follower.stop();
    return this.report(rootId, tree);
  }

  private report(rootId: string | undefined, tree: StoredTree | undefined): SequenceReport {
    if (this.violations.length > 0 && tree) this.trace.push(...tree.executions.map(outline));
    const { seed, violations, trace } = this;
    const status = tree?.executions[0]?.status;
    return { seed, rootId, violations, trace, status, executions: tree?.executions.length ?? 0 };
  }

  private async start(): Promise<string | undefined> {
    const workflow = makeWorkflow(this.random.fork('workflow'));
    const options = this.random.chance(0.2)
      ? { options: { limits: { maxTokens: this.random.pick([20, 100_000]) } } }
      : {};
    const body = { projectId: 'chaos', input: 'x', workflow, ...options };
    for (;;) {
      const answer = await this.call('POST', '/api/executions', body, { 'idempotency-key': this.seed });
      if (answer?.status === 202) return answer.body.id;
      if (answer && answer.status < 500) {
        this.violations.push(`POST answered ${answer.status} ${JSON.stringify(answer.body)}`);
        return undefined;
      }
      await sleep(100);
    }
  }

  private async request(rootId: string): Promise<void> {
    const { random } = this;
    const targets = await readTargets(this.database, rootId);
    const root = targets[0]!;
    const open = targets.filter(({ status }) => !ENDED.test(status));
    const any = random.pick(open.length > 0 ? open : targets);
    const control = (action: string, { id }: Target) => this.post(`/api/executions/${id}/${action}`, {});
    switch (random.weighted(REQUESTS)) {
      case 'pauseRoot':
        return control('pause', root);
      case 'resumeRoot':
        return control('resume', root);
      case 'cancelRoot':
        return control('cancel', root);
      case 'pause':
        return control('pause', any);
      case 'resume':
        return control('resume', any);
      case 'cancel':
        return control('cancel', any);
      case 'signal':
        return this.post(`/api/executions/${any.id}/signals/${SIGNAL}`, { n: 1 });
      case 'wrong': {
        const wait = random.pick([{ id: any.id, kind: 'none' }, ...any.waits]);
        return this.post(`/api/waits/${wait.id}/answer`, { action: 'dance' });
      }
      case 'answer': {
        const waits = targets.flatMap((target) => target.waits.filter(({ outcome }) => outcome === null));
        if (waits.length === 0) return undefined;
        const wait = random.pick(waits);
        // Two processes get the same answer at the same moment.
        const times = random.chance(0.2) ? 2 : 1;
        await Promise.all(Array.from({ length: times }, () => this.answer(wait)));
      }
    }
  }

  private answer({ id, kind }: { id: string; kind: string }): Promise<void> {
    const { random } = this;
    const answers: Record<string, object> = {
      approval: { approved: random.chance(0.7) },
      signal: { body: { n: 2 } },
      failure: random.pick([{ action: 'retry' }, { action: 'fail' }, { action: 'output', output: 1 }]),
    };
    return this.post(`/api/waits/${id}/answer`, answers[kind]!);
  }

  /** Resumes and answers until the tree has ended, and cancels it if it does not end. */
  private async untilEnded(rootId: string): Promise<void> {
    let deadline = performance.now() + this.limitMs;
    let events = 0;
    let isCancelled = false;
    for (;;) {
      const targets = await readTargets(this.database, rootId);
      const [root] = targets;
      if (ENDED.test(root!.status)) return;
      const before = events;
      events = targets.reduce((sum, { lastSequence }) => sum + lastSequence, 0);
      if (events !== before) deadline = performance.now() + this.limitMs;
      if (performance.now() > deadline) {
        if (isCancelled) {
          this.violations.push(
            `It was cancelled and made no event for ${this.limitMs} ms: ${await this.rows(rootId)}`,
          );
          return;
        }
        this.violations.push(`It made no event for ${this.limitMs} ms: ${await this.rows(rootId)}`);
        isCancelled = true;
        deadline = performance.now() + this.limitMs;
        await this.post(`/api/executions/${rootId}/cancel`, {});
      }
      for (const target of targets) {
        if (
          target.desired === 'pause' &&
          !ENDED.test(target.status) &&
          (target.isRoot || this.random.chance(0.7))
        )
          await this.post(`/api/executions/${target.id}/resume`, {});
        for (const wait of target.waits) if (wait.outcome === null) await this.answer({ ...wait });
      }
      await sleep(POLL_MS);
    }
  }

  private async rows(rootId: string): Promise<string> {
    const { rows } = await this.database.query<{ rows: string }>(
      `SELECT json_agg(json_build_object('id', id, 'parent', parent_id, 'status', status, 'owner', owner, 'runnable', runnable_at,
         'parked', parked, 'desired', desired_state, 'attempt', attempt, 'wakes', wakes, 'now', clock_timestamp(), 'beat', (SELECT clock_timestamp() - beat_at FROM cloutagent.processes AS p WHERE p.identity = e.owner), 'waits', (
           SELECT json_agg(json_build_object('kind', kind, 'outcome', outcome, 'recorded', recorded, 'until', until, 'settled', settled_at))
           FROM cloutagent.waits AS w WHERE w.execution_id = e.id)))::text AS rows
       FROM cloutagent.executions AS e WHERE (id = $1 OR root_id = $1) AND completed_at IS NULL`,
      [rootId],
    );
    return rows[0]!.rows;
  }

  private follow(rootId: string): { follower: StreamFollower; done: Promise<void>; isTree: boolean }[] {
    const random = this.random.fork('streams');
    const follow = (path: string, isTree: boolean) => {
      const follower = new StreamFollower(
        path,
        () => this.servers.pick(random),
        (frame) =>
          frame !== undefined &&
          TERMINAL.test(frame.type) &&
          (JSON.parse(frame.data) as { executionId: string }).executionId === rootId,
      );
      return { follower, done: follower.follow(), isTree };
    };
    return [
      ...(random.chance(0.25) ? [follow(`/api/executions/${rootId}/stream`, false)] : []),
      ...(random.chance(0.15) ? [follow(`/api/executions/stream?rootId=${rootId}`, true)] : []),
    ];
  }

  /** Compares what the streams have seen with the journal. */
  private async checkStreams(streams: ReturnType<Sequence['follow']>, tree: StoredTree): Promise<string[]> {
    const problems: string[] = [];
    for (const { follower, done, isTree } of streams) {
      const isDone = await Promise.race([done.then(() => true), sleep(this.limitMs, false, { ref: false })]);
      problems.push(...follower.complaints);
      if (!isDone) problems.push(`The stream ${isTree ? 'of the tree' : 'of the root'} did not end.`);
      const seen = Map.groupBy(
        follower.frames.map(({ type, data }) => ({
          type,
          ...(JSON.parse(data) as { executionId: string; sequence: number }),
        })),
        ({ executionId }) => executionId,
      );
      const expected = isTree ? tree.executions : tree.executions.slice(0, 1);
      for (const { id, events } of expected) {
        const frames = (seen.get(id) ?? []).map(({ sequence, type }) => `${sequence} ${type}`);
        const wanted = events.map(({ sequence, type }) => `${sequence} ${type}`);
        const at = wanted.findIndex((each, index) => each !== frames[index]);
        if (at !== -1 || frames.length !== wanted.length)
          problems.push(
            `${id}: the stream ${isTree ? 'of the tree' : 'of the root'} saw ${frames.length} of ${wanted.length} events; the first difference: ${frames[at]} instead of ${wanted[at]}.`,
          );
      }
    }
    return problems;
  }

  private async post(path: string, body: object): Promise<void> {
    const answer = await this.call('POST', path, body);
    this.trace.push(
      `${Math.round(performance.now() - this.began)} ms: POST ${path} ${JSON.stringify(body)}: ${answer?.status ?? 'no answer'} ${answer?.body?.code ?? ''}`,
    );
    if (answer && !ACCEPTED.has(answer.status) && answer.status !== 503)
      this.violations.push(`POST ${path} answered ${answer.status} ${JSON.stringify(answer.body)}.`);
  }

  private async call(method: string, path: string, body: object, headers: Record<string, string> = {}) {
    const server = this.servers.pick(this.random);
    if (server === undefined) {
      await sleep(100);
      return undefined;
    }
    return callApi(server, method, path, { body, headers, timeoutMs: 20_000 });
  }
}
