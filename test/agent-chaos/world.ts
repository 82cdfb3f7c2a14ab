import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { callApi } from '../faults/api.ts';
import { FaultLink } from '../faults/fault-link.ts';
import { SeededRandom } from '../faults/random.ts';
import { createDatabase, Server } from '../support/server.ts';
import type { SeenEvent } from './accumulator.ts';
import { AgentProvider } from './agent-provider.ts';
import { type Fault, FaultController } from './faults.ts';
import { checkCase, outline, type StoredToolCall } from './oracle.ts';
import { workflowOf, type Wire, WIRES } from './script.ts';
import { ToolEndpoint } from './tool-endpoint.ts';
import type { TranscriptItem } from './transcript.ts';
import { storedEvents } from '../support/stored-events.ts';

export interface ChaosCase {
  wire: Wire;
  faults: readonly Fault[];
  /** More of the node: `type`, `data` and `config`. */
  node?: { type?: string; data?: object; config?: object };
}
/** A case that runs. */
export interface RunningCase extends ChaosCase {
  caseId: string;
  executionId: string;
  /** Whether its faults were only holds in which nothing was lost. */
  harmless?: boolean;
  /** `AgentWorld.ends` when it began, if processes end at random. */
  endsBefore?: number;
}

const NODE_TYPES = ['agent', 'subagent'];
const baselineOf = ({ wire, node }: ChaosCase): string => `${wire} ${node?.type ?? 'agent'}`;

const POLL_MS = 20;
const SETTINGS = {
  ANTHROPIC_API_KEY: 'sk-fake',
  HTTP_ALLOWED_HOSTS: '127.0.0.1',
  RATE_LIMIT_REQUESTS: '100000000',
  MAX_EXECUTIONS_PER_PROJECT: '1000',
  MAX_RECOVERIES_PER_EXECUTION: '1000',
  RETRY_BASE_MS: '50',
  // The Retry-After of a 503 is a wait, during which the execution leaves memory.
  LONG_RETRY_DELAY_MS: '500',
  PARK_TIMEOUT_MS: '0',
  TIMER_POLL_INTERVAL_MS: '100',
  DISPATCH_POLL_INTERVAL_MS: '500',
  CANCEL_GRACE_MS: '5000',
  NO_COLOR: '1',
};

/**
 * An answer that is held after its last byte may be complete for the server, which then continues. The end of its process comes
 * at a later point.
 */
const isLoose = (faults: readonly Fault[]): boolean =>
  faults.some(({ point, kind }) => point === 'last' && kind === 'hold');

/** A server on a database of its own, with a fake provider and the endpoints of the tools. */
export class AgentWorld {
  readonly faults = new FaultController();
  /** How many processes have ended. */
  ends = 0;
  private next = 0;
  /** Transcripts without a fault, by wire format and node type. */
  private readonly baselines = new Map<string, TranscriptItem[][]>();

  private constructor(
    readonly database: pg.Pool,
    /** The database, without the link that the server uses. */
    readonly databaseUrl: string,
    private readonly link: FaultLink,
    private readonly settings: Record<string, string>,
  ) {}

  provider!: AgentProvider;
  tools!: ToolEndpoint;
  server!: Server;

  static async open(settings: Record<string, string> = {}): Promise<AgentWorld> {
    const url = await createDatabase();
    const database = new pg.Pool({ connectionString: url, max: 4 });
    database.on('error', () => undefined);
    const link = await FaultLink.to(Number(new URL(url).port), new SeededRandom(1));
    const world = new AgentWorld(database, url, link, { ...SETTINGS, ...settings });
    world.provider = await new AgentProvider(world.faults).listen();
    world.tools = await new ToolEndpoint(world.faults).listen();
    await world.startServer();
    return world;
  }

  /** Starts a process. The one before must have ended. */
  async startServer(): Promise<void> {
    this.server = await Server.start({
      DATABASE_URL: Object.assign(new URL(this.databaseUrl), { host: `127.0.0.1:${this.link.port}` }).href,
      ANTHROPIC_BASE_URL: this.provider.url,
      OPENAI_COMPATIBLE_BASE_URL: this.provider.url,
      ...this.settings,
    });
  }

  /** Ends the process and starts another one. */
  async replaceServer(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.ends += 1;
    await this.server.kill(signal);
    await this.startServer();
  }

  /** Holds what the database sends to the process. What the process sends still arrives. */
  holdDatabaseAnswers(): void {
    this.link.enforce({ kind: 'freeze', target: 'all', direction: 'toClient' });
  }

  /** Breaks every connection of the process to the database. It may connect again. */
  cutDatabase(): void {
    this.link.cut('all');
    this.link.calm();
  }

  async close(): Promise<void> {
    await this.server.kill('SIGTERM');
    await this.provider.close();
    await this.tools.close();
    await this.link.close();
    await this.database.end();
  }

  /** Runs the agent without a fault, so that other transcripts can be compared with its own. */
  async prepare(): Promise<void> {
    const cases = WIRES.flatMap((wire) => NODE_TYPES.map((type) => ({ wire, faults: [], node: { type } })));
    const problems = await Promise.all(
      cases.map(async (one) => {
        const running = await this.start(one);
        await this.ended(running);
        const transcripts = this.provider.of(running.caseId).map(({ transcript }) => transcript);
        this.baselines.set(baselineOf(one), transcripts);
        return this.check(running, false);
      }),
    );
    if (problems.flat().length > 0) throw new Error(`Without a fault:\n${problems.flat().join('\n')}`);
  }

  async start(one: ChaosCase): Promise<RunningCase> {
    this.next += 1;
    const caseId = `c${String(this.next).padStart(5, '0')}`;
    this.faults.plan(caseId, one.faults);
    const workflow = workflowOf(caseId, one.wire, this.tools.url, one.node);
    const body = { projectId: 'chaos', input: caseId, workflow, options: { maxRetries: 10 } };
    for (;;) {
      const answer = await callApi(this.server.url, 'POST', '/api/executions', {
        body,
        headers: { 'idempotency-key': caseId },
        timeoutMs: 20_000,
      });
      if (answer?.status === 202) return { ...one, caseId, executionId: answer.body.id };
      if (answer && answer.status < 500)
        throw new Error(`POST answered ${answer.status} ${JSON.stringify(answer.body)}`);
      await sleep(POLL_MS);
    }
  }

  /** Waits until the execution has ended. @throws Error when it does not end in time */
  async ended({ executionId, faults }: RunningCase, timeoutMs = 60_000): Promise<void> {
    await this.until(
      `SELECT 1 FROM cloutagent.executions WHERE id = $1 AND completed_at IS NOT NULL`,
      [executionId],
      timeoutMs,
      async () => outline(faults, await this.events(executionId)),
    );
  }

  /** Waits until a query gives a row. @throws Error when the time is up first */
  async until(
    sql: string,
    values: readonly unknown[],
    timeoutMs = 30_000,
    describe: () => Promise<string> = async () => sql,
  ): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while ((await this.database.query(sql, [...values])).rows.length === 0) {
      if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms: ${await describe()}`);
      await sleep(POLL_MS);
    }
  }

  async call(path: string, body: object = {}): Promise<void> {
    const answer = await this.server.call('POST', path, body);
    if (answer.status >= 300) throw new Error(`${path} answered ${answer.status} ${answer.text}`);
  }

  async events(executionId: string): Promise<SeenEvent[]> {
    const events = await storedEvents(this.database, executionId);
    return events.map(({ sequence, type, data }) => ({ ...(JSON.parse(data) as object), type, sequence }));
  }

  /**
   * Compares a case that has ended with what must hold.
   * @param others faults that the test itself has made
   * @returns violations, with the journal
   */
  async check(running: RunningCase, killed: boolean, others: readonly Fault[] = []): Promise<string[]> {
    const { caseId, executionId, wire, faults, harmless } = running;
    const events = await this.events(executionId);
    const rounds = await this.database.query<{ round: number; sequence: number }>(
      'SELECT round, sequence FROM cloutagent.agent_rounds WHERE execution_id = $1 ORDER BY round',
      [executionId],
    );
    const toolCalls = await this.database.query<StoredToolCall>(
      `SELECT round, index, tool_id AS "toolId", tool_name AS "toolName", started, result IS NOT NULL AS "hasResult", sequence
       FROM cloutagent.tool_calls WHERE execution_id = $1 ORDER BY round, index`,
      [executionId],
    );
    const happened = this.faults.of(caseId);
    const missed = faults.length - happened.length;
    const baseline = this.baselines.get(baselineOf(running)) ?? [];
    const unknownEnds =
      this.ends - (running.endsBefore ?? this.ends) + (!harmless && isLoose(happened) ? 1 : 0);
    const problems = checkCase({
      wire,
      faults: [...(harmless ? [] : happened), ...others],
      killed,
      unknownEnds,
      events,
      modelCalls: this.provider.of(caseId),
      toolRequests: this.tools.of(caseId),
      rounds: rounds.rows,
      toolCalls: toolCalls.rows,
      baseline,
    });
    if (missed > 0) problems.push(`${missed} of its faults did not happen.`);
    return problems.length === 0
      ? []
      : [...problems.map((problem) => `${caseId} (${wire}): ${problem}`), outline(faults, events)];
  }

  /** Runs cases at the same time to their end. @returns violations */
  async run(cases: readonly ChaosCase[]): Promise<string[]> {
    const running = await Promise.all(cases.map((one) => this.start(one)));
    return this.finish(running, false);
  }

  /** Waits for the end of cases and checks them. @returns violations */
  async finish(running: readonly RunningCase[], killed: boolean): Promise<string[]> {
    const found = await Promise.all(
      running.map(async (one) => {
        try {
          await this.ended(one);
        } catch (error) {
          return [`${one.caseId} (${one.wire}) did not end: ${(error as Error).message}`];
        }
        return this.check(one, killed);
      }),
    );
    return found.flat();
  }
}
