import type { EventPage, ExecutionEvent, Json, Workflow } from '@cloutagent/contract';
import fc from 'fast-check';
import { setTimeout as sleep } from 'node:timers/promises';
import { providerFaults } from '../agent-chaos/combinations.ts';
import { WIRES } from '../agent-chaos/script.ts';
import { AgentWorld } from '../agent-chaos/world.ts';
import { SeededRandom } from '../faults/random.ts';
import type { FormattedExecution } from '../../src/streaming/formats/event-format.ts';
import { requestOf } from './branch-execution.ts';
import { graphCase } from './graph-arbitrary.ts';

/** An execution that has ended, and all its events. */
export interface EndedJournal {
  /** What it is, for messages of tests. */
  readonly name: string;
  readonly execution: FormattedExecution;
  readonly events: readonly ExecutionEvent[];
}

const demo = (id: string, type: 'agent' | 'subagent' = 'agent', chunks = 5, delayMs = 5) => ({
  id,
  type,
  data: {
    config: {
      model: 'demo/echo',
      ...(type === 'agent'
        ? { prompt: `I am ${id}. I say “hello” & 日本語.` }
        : { name: id, instructions: 'Say hello.', task: `A task of ${id}.` }),
      providerOptions: { demo: { chunks, delayMs } },
    },
  },
});
const transform = (id: string, expression: string) => ({
  id,
  type: 'transform',
  data: { config: { expression } },
});
const edge = (source: string, target: string, members: object = {}) => ({ source, target, ...members });

/** Workflows for what random graphs do not have. Waits are answered, once for each kind of answer. */
const WORKFLOWS: Record<string, { nodes: object[]; edges?: object[]; end?: 'cancel' }> = {
  'parallel agents': {
    nodes: [demo('left'), demo('right', 'subagent'), demo('join')],
    edges: [edge('left', 'join'), edge('right', 'join')],
  },
  'two answers': { nodes: [demo('one'), demo('two'), transform('three', '{"a": [1, null, "x"]}')] },
  'an answer that is no text': {
    nodes: [demo('one'), transform('last', 'null')],
    edges: [edge('one', 'last')],
  },
  'an approval between agents': {
    nodes: [
      demo('draft'),
      { id: 'ask', type: 'approval', data: { config: { message: 'Send it?' } } },
      demo('send'),
    ],
    edges: [edge('draft', 'ask'), edge('ask', 'send')],
  },
  'an approval beside an agent': {
    nodes: [
      demo('first'),
      { id: 'ask', type: 'approval', data: { config: {} } },
      demo('beside'),
      demo('last'),
    ],
    edges: [edge('first', 'ask'), edge('first', 'beside'), edge('ask', 'last'), edge('beside', 'last')],
  },
  'two waits at once': {
    nodes: [
      { id: 'ask', type: 'approval', data: { config: { onReject: 'continue' } } },
      { id: 'signal', type: 'wait', data: { config: { signal: 'go' } } },
      demo('last'),
    ],
    edges: [edge('ask', 'last'), edge('signal', 'last')],
  },
  children: {
    nodes: [
      {
        id: 'each',
        type: 'map',
        data: { config: { items: ['a', 'b'], workflow: { nodes: [demo('child')], edges: [] } } },
      },
      { id: 'pause', type: 'delay', data: { config: { ms: 30 } } },
    ],
    edges: [edge('each', 'pause')],
  },
  'a failure after text': {
    nodes: [demo('one'), transform('two', '$error("boom")')],
    edges: [edge('one', 'two')],
  },
  'a cancelled answer': {
    nodes: [demo('one'), demo('two', 'agent', 400, 20)],
    end: 'cancel',
  },
  'a cancelled retry': {
    nodes: [
      demo('one'),
      {
        id: 'two',
        type: 'transform',
        data: {
          config: { expression: '$error("boom")' },
          retry: { maxRetries: 1, baseMs: 60_000, maxMs: 60_000, on: ['transform_failed'] },
        },
      },
    ],
    edges: [edge('one', 'two')],
    end: 'cancel',
  },
  'a cancelled wait': {
    nodes: [demo('one'), { id: 'ask', type: 'approval', data: { config: {} } }],
    edges: [edge('one', 'ask')],
    end: 'cancel',
  },
};

/**
 * Runs executions of every kind: random graphs, agents whose model calls break at random, waits, children, cancels, and a
 * process that is killed meanwhile.
 * @param options.graphs random graphs
 * @param options.agents agents whose model calls break
 */
export async function randomJournals(options: {
  seed: number;
  graphs: number;
  agents: number;
}): Promise<EndedJournal[]> {
  const world = await AgentWorld.open({
    MODEL_IDLE_TIMEOUT_MS: '2000',
    PROCESS_RECONNECT_TIMEOUT_MS: '500',
    TRANSFORM_TIMEOUT_MS: '1000',
    // The events are packed at once and then read, so that every check of a format covers packed executions.
    JOURNAL_PACK_AFTER_MS: '0',
    JOURNAL_POLL_INTERVAL_MS: '100',
  });
  try {
    const random = new SeededRandom(options.seed);
    const names = new Map<string, string>();
    const start = async (name: string, request: object) => {
      const id = await world.server.startExecution(request);
      names.set(id, name);
      return id;
    };
    const graphs = fc.sample(graphCase(6), { numRuns: options.graphs, seed: options.seed });
    for (const [index, graph] of graphs.entries())
      await start(`random graph ${index}`, requestOf(graph, { isSlow: index % 2 === 0 }));
    const faults = providerFaults();
    for (let index = 0; index < options.agents; index += 1) {
      const node = { type: random.pick(['agent', 'subagent']) };
      const planned = random.chance(0.8) ? [random.pick(faults)] : [];
      const running = await world.start({ wire: random.pick(WIRES), faults: planned, node });
      names.set(running.executionId, `agent ${index} with ${planned.map(({ kind }) => kind).join()}`);
    }
    const controlled: Promise<void>[] = [];
    for (const [name, { nodes, edges = [], end }] of Object.entries(WORKFLOWS)) {
      const id = await start(name, { projectId: 'demo', input: { text: name }, workflow: { nodes, edges } });
      controlled.push(end ? cancel(world, id) : answerWaits(world, id));
    }
    await Promise.all(controlled);
    // After the answers, which a stopped server would refuse.
    await world.replaceServer('SIGKILL');
    await Promise.all([...names.keys()].map((executionId) => ended(world, executionId)));
    return await Promise.all([...names].map(([id, name]) => read(world, id, name)));
  } finally {
    await world.close();
  }
}

const ended = (world: AgentWorld, id: string) =>
  world.until('SELECT 1 FROM cloutagent.executions WHERE id = $1 AND completed_at IS NOT NULL', [id], 90_000);

async function cancel(world: AgentWorld, id: string): Promise<void> {
  await world.until(
    `SELECT 1 FROM cloutagent.events WHERE execution_id = $1 AND (type = 'execution:waiting' OR sequence > 20)`,
    [id],
  );
  await world.call(`/api/executions/${id}/cancel`, { reason: 'test' });
}

/** Answers each wait of an execution once, until there are none. */
async function answerWaits(world: AgentWorld, id: string): Promise<void> {
  for (;;) {
    const { body } = await world.server.call('GET', `/api/executions/${id}`);
    if (body.completedAt) return;
    for (const { kind, waitId, signal } of (body.waits ?? []) as {
      kind: string;
      waitId: string;
      signal: string;
    }[]) {
      if (kind === 'approval')
        await world.server.call('POST', `/api/waits/${waitId}/answer`, { approved: true });
      if (kind === 'signal')
        await world.server.call('POST', `/api/executions/${id}/signals/${signal}`, { ok: 1 });
    }
    await sleep(30);
  }
}

async function read(world: AgentWorld, id: string, name: string): Promise<EndedJournal> {
  const { rows } = await world.database.query<{
    project_id: string;
    created_at: Date;
    input: Json;
    workflow: Workflow;
  }>('SELECT project_id, created_at, input, workflow FROM cloutagent.executions WHERE id = $1', [id]);
  const { project_id: projectId, created_at, input, workflow } = rows[0]!;
  await world.until('SELECT 1 FROM cloutagent.segments WHERE execution_id = $1', [id], 90_000);
  const events: ExecutionEvent[] = [];
  for (let after: number | null = 0; after !== null;) {
    const { body } = await world.server.call('GET', `/api/executions/${id}/events?after=${after}`);
    const page = body as unknown as EventPage;
    events.push(...page.events);
    after = page.nextAfter;
  }
  return { name, execution: { id, projectId, createdAt: created_at.toISOString(), input, workflow }, events };
}
