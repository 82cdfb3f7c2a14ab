import { readFileSync } from 'node:fs';
import type { ExecutionEvent, Json } from '@cloutagent/contract';
import fc from 'fast-check';
import { ExecutionModel, type ModelView } from './execution-model.js';

/** What one attempt does, in order. A result is of the newest call without one. */
type Act = { does: 'output' | 'thinking'; text: string } | { does: 'call' } | { does: 'result' };

interface Attempt {
  acts: readonly Act[];
  /** Number of acts that stay valid when the attempt is retried; 0: it keeps nothing. */
  keeps: number;
  /** Whether it follows the kept work of earlier attempts. */
  continues: boolean;
  /** Whether it waits for a person in the middle. */
  waits: boolean;
}

interface NodePlan {
  nodeId: string;
  attempts: readonly Attempt[];
  end: 'completed' | 'failed' | 'cancelled' | 'retrying' | 'running';
}

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constantFrom('output' as const, 'thinking' as const),
      text: fc.oneof(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 30_000 }).map((length) => 'ab\n'.repeat(length).slice(0, length)),
      ),
    }),
  },
  fc.constant({ does: 'call' as const }),
  fc.constant({ does: 'result' as const }),
);
const attempt: fc.Arbitrary<Attempt> = fc
  .record({
    acts: fc.array(act, { maxLength: 8 }),
    share: fc.nat(4),
    continues: fc.boolean(),
    waits: fc.boolean(),
  })
  .map(({ share, ...more }) => ({ ...more, keeps: Math.min(share, more.acts.length) }));
const plan = (nodeId: string): fc.Arbitrary<NodePlan> =>
  fc.record({
    nodeId: fc.constant(nodeId),
    attempts: fc.array(attempt, { minLength: 1, maxLength: 5 }),
    end: fc.constantFrom('completed', 'failed', 'cancelled', 'retrying', 'running'),
  });

interface Call {
  toolId: string;
  result: Json | undefined;
}
/** What is valid of a node: the simplest model of the rules in docs/protocol.md. */
interface Work {
  output: string;
  thinking: string;
  calls: readonly Call[];
}
const NOTHING: Work = { output: '', thinking: '', calls: [] };

type Draft = Record<string, unknown>;
/** One event of a node, what is valid after it, and whether the node has ended. */
type Line = { draft: (positions: number[]) => Draft; valid: Work };

/** Returns the events of a node. `draft` gets the sequences of the node's events so far. */
function linesOf({ nodeId, attempts, end }: NodePlan): Line[] {
  const lines: Line[] = [];
  let count = 0;
  let kept = { work: NOTHING, stepId: undefined as string | undefined };
  for (const [index, { acts, keeps, continues, waits }] of attempts.entries()) {
    const stepId = `${nodeId}-${index}`;
    const isLast = index === attempts.length - 1;
    const from = continues ? kept : { work: NOTHING, stepId: undefined };
    const step = (status: string, more: Draft = {}): Draft => ({
      type: 'execution:step',
      step: nodeId,
      stepId,
      nodeId,
      nodeType: 'agent',
      status,
      attempt: index + 1,
      ...more,
    });
    const push = (valid: Work, draft: Line['draft']): void => void lines.push({ valid, draft });
    const begun = step('running', from.stepId === undefined ? {} : { continues: from.stepId });
    push(from.work, () => begun);
    let work = from.work;
    let keptWork = from.work;
    let keptLine = 0;
    for (const [position, one] of acts.entries()) {
      const of = { stepId, nodeId };
      if (one.does === 'output' || one.does === 'thinking') {
        work = { ...work, [one.does]: work[one.does] + one.text };
        push(work, () => ({ ...of, type: `execution:${one.does}`, chunk: one.text }));
      } else if (one.does === 'call') {
        const toolId = `${nodeId}-call-${(count += 1)}`;
        work = { ...work, calls: [...work.calls, { toolId, result: undefined }] };
        push(work, () => ({ ...of, type: 'execution:tool-call', toolId, toolName: 'find', toolArgs: {} }));
      } else {
        const open = work.calls.findLast(({ result }) => result === undefined);
        if (!open) continue;
        const result = `of ${stepId}`;
        work = { ...work, calls: work.calls.map((call) => (call === open ? { ...call, result } : call)) };
        const { toolId } = open;
        push(work, () => ({ ...of, type: 'execution:tool-result', toolId, result, isError: false }));
      }
      if (position < keeps) [keptWork, keptLine] = [work, lines.length];
      if (waits && position === 0)
        for (const status of ['waiting', 'running']) push(work, () => step(status));
    }
    if (isLast && end !== 'retrying') {
      if (end !== 'running') push(work, () => step(end));
      continue;
    }
    if (keptLine > 0) {
      const line = keptLine;
      push(keptWork, (positions) => step('retrying', { keptThrough: positions[line - 1] }));
      kept = { work: keptWork, stepId };
    } else {
      push(from.work, () => step('retrying'));
      if (!continues) kept = { work: NOTHING, stepId: undefined };
    }
  }
  return lines;
}

/** Mixes the events of nodes that run at the same time. `valid` is by node, after each event. */
function mix(plans: readonly NodePlan[], order: readonly number[]) {
  const queues = plans.map((one) => ({ nodeId: one.nodeId, lines: linesOf(one), positions: [] as number[] }));
  const journal: ExecutionEvent[] = [];
  const valid: Record<string, Work>[] = [];
  let now: Record<string, Work> = {};
  for (let turn = 0; queues.some(({ lines }) => lines.length > 0); turn += 1) {
    const left = queues.filter(({ lines }) => lines.length > 0);
    const queue = left[(order[turn % order.length] ?? 0) % left.length];
    const line = queue?.lines.shift();
    if (!queue || !line) continue;
    const sequence = journal.length + 1;
    queue.positions.push(sequence);
    const draft = line.draft(queue.positions);
    journal.push({ ...draft, sequence, executionId: 'x', timestamp: '' } as unknown as ExecutionEvent);
    now = { ...now, [queue.nodeId]: line.valid };
    valid.push(now);
  }
  return { journal, valid };
}

const journals = fc
  .tuple(plan('a'), plan('b'), fc.array(fc.nat(9), { minLength: 1, maxLength: 20 }))
  .map(([a, b, order]) => mix([a, b], order));

const workOf = (view: ModelView): Record<string, Work> =>
  Object.fromEntries(
    view.nodes.map(({ nodeId, output, thinking }) => [
      nodeId,
      {
        output: output.toString(),
        thinking: thinking.toString(),
        calls: view.toolCalls
          .slice()
          .filter((call) => call.nodeId === nodeId && !call.discarded)
          .map(({ toolId, result }) => ({ toolId, result })),
      },
    ]),
  );

describe('The work of a node that runs in several attempts', () => {
  it('is what earlier attempts have kept, then that of the present one, after every event', () => {
    fc.assert(
      fc.property(journals, ({ journal, valid }) => {
        const model = new ExecutionModel();
        for (const [index, event] of journal.entries()) {
          model.apply(event);
          expect(workOf(model.view())).toEqual(valid[index]);
        }
      }),
    );
  });

  it('is the same for a watcher that joins late, or receives events again', () => {
    fc.assert(
      fc.property(journals, fc.array(fc.nat(60), { maxLength: 6 }), ({ journal, valid }, breaks) => {
        const model = new ExecutionModel();
        for (const until of breaks) for (const event of journal.slice(0, until)) model.apply(event);
        for (const event of journal) model.apply(event);
        expect(workOf(model.view())).toEqual(valid.at(-1));
      }),
    );
  });

  it('has no open call after the node has ended, and discards what was not kept', () => {
    fc.assert(
      fc.property(journals, ({ journal, valid }) => {
        const model = new ExecutionModel();
        for (const event of journal) model.apply(event);
        const { toolCalls, nodes } = model.view();
        const made = journal.filter(({ type }) => type === 'execution:tool-call').length;
        expect(toolCalls.length).toBe(made);
        const kept = new Set(
          Object.values(valid.at(-1) ?? {}).flatMap((work) => work.calls.map((c) => c.toolId)),
        );
        for (const { toolId, nodeId, discarded, interrupted, completedAt } of toolCalls.slice()) {
          expect(discarded).toBe(!kept.has(toolId));
          const status = nodes.find((node) => node.nodeId === nodeId)?.step?.status;
          const hasEnded = status !== 'running' && status !== 'retrying';
          expect(interrupted).toBe(completedAt === undefined && (discarded || hasEnded));
        }
      }),
    );
  });

  it('is that of the example in docs/protocol.md', () => {
    const page = readFileSync('docs/protocol.md', 'utf8');
    const example = /### Kept work[\s\S]*?```\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const lines = example.trim().replaceAll(',…,', ',').replaceAll('{…}', '{}').split('\n');
    const model = new ExecutionModel();
    for (const line of lines)
      model.apply({ executionId: 'x', timestamp: '', ...(JSON.parse(line) as object) } as ExecutionEvent);
    const { nodes, toolCalls } = model.view();
    expect(nodes.map(({ output }) => output.toString())).toEqual(['I look it up. Ada lives in Paris.']);
    expect(toolCalls.slice()).toMatchObject([{ result: { city: 'Paris' }, discarded: false }]);
  });
});
