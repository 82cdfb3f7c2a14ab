import type { ExecutionEvent, Workflow } from '@cloutagent/contract';
import fc from 'fast-check';
import { agentEvents, type EventDraft } from './support/agent-journal.js';
import { checkAiSdk } from './support/ai-sdk-property.js';

const ID = '0199c0de-0000-7000-8000-000000000001';

type Action = 'text' | 'thinking' | 'call' | 'result' | 'retry' | 'wait';
interface NodeCase {
  /** Agents keep the work that they have stored. Nodes of modules keep nothing. */
  readonly isAgent: boolean;
  readonly actions: readonly Action[];
}

const nodeCase: fc.Arbitrary<NodeCase> = fc.record({
  isAgent: fc.boolean(),
  actions: fc.array(
    fc.constantFrom<Action>('text', 'text', 'thinking', 'call', 'result', 'result', 'retry', 'wait'),
    { maxLength: 14 },
  ),
});

/** What a node has done so far. */
class NodeJournal {
  private attempt = 1;
  private toolEvents = 0;
  private open: string[] = [];
  private kept: { attempt: number; through: number } | undefined;
  private hasBegun = false;
  private readonly events;

  constructor(
    private readonly nodeId: string,
    private readonly isAgent: boolean,
  ) {
    this.events = agentEvents(nodeId);
  }

  /** @param last the newest sequence */
  act(action: Action | 'end', last: number): EventDraft[] {
    const { events } = this;
    if (!this.hasBegun) return [...this.begin(), ...this.act(action, last + 1)];
    switch (action) {
      case 'text':
        return [events.output(this.attempt, `${this.nodeId}${last} `)];
      case 'thinking':
        return [
          {
            type: 'execution:thinking',
            nodeId: this.nodeId,
            stepId: `${this.nodeId}-${this.attempt}`,
            chunk: 'Hm',
          },
        ];
      case 'call': {
        // Models repeat ids from one answer to the next.
        const toolId = `call_${this.open.length}`;
        this.open.push(toolId);
        this.toolEvents = last + 1;
        return [events.call(this.attempt, toolId, 'find', { last })];
      }
      case 'result': {
        const toolId = this.open.shift();
        if (toolId === undefined) return [];
        this.toolEvents = last + 1;
        return [events.result(this.attempt, toolId, { last })];
      }
      case 'wait':
        return [this.step('waiting'), this.step('running')];
      case 'retry': {
        const keeps = this.isAgent && this.toolEvents > 0;
        const ended = this.step('retrying', keeps ? { keptThrough: this.toolEvents } : {});
        if (keeps) this.kept = { attempt: this.attempt, through: this.toolEvents };
        else this.open = this.isAgent ? this.open : [];
        this.toolEvents = 0;
        this.attempt += 1;
        this.hasBegun = false;
        return [ended];
      }
      case 'end':
        return [this.step('completed', { output: 'done' })];
    }
  }

  private begin(): EventDraft[] {
    this.hasBegun = true;
    return [this.step('running', this.kept ? { continues: `${this.nodeId}-${this.kept.attempt}` } : {})];
  }

  private step(status: string, more: object = {}): EventDraft {
    return {
      ...this.events.step(this.attempt, status, more),
      nodeType: this.isAgent ? 'agent' : 'module/node',
    };
  }
}

/** @param turns which node acts next */
function journalOf(cases: readonly NodeCase[], edges: readonly object[], turns: readonly number[]) {
  const nodes = cases.map(({ isAgent, actions }, index) => ({
    journal: new NodeJournal(`n${index}`, isAgent),
    actions: [...actions, 'end' as const],
  }));
  const drafts: EventDraft[] = [{ type: 'execution:started', projectId: 'demo', attempt: 1 }];
  const pending = [...turns];
  for (;;) {
    const left = nodes.filter(({ actions }) => actions.length > 0);
    if (left.length === 0) break;
    const { journal, actions } = left[(pending.shift() ?? 0) % left.length]!;
    drafts.push(...journal.act(actions.shift()!, drafts.length));
  }
  drafts.push({
    type: 'execution:completed',
    result: { tokenUsage: { input: 0, output: 0, total: 0 }, costUSD: 0 },
  });
  const workflow = {
    nodes: cases.map(({ isAgent }, index) => ({
      id: `n${index}`,
      type: isAgent ? 'agent' : 'module/node',
      data: { config: {} },
    })),
    edges,
  } as unknown as Workflow;
  const events = drafts.map(
    (draft, index) =>
      ({
        sequence: index + 1,
        executionId: ID,
        timestamp: '2026-11-23T18:00:00.000Z',
        ...draft,
      }) as unknown as ExecutionEvent,
  );
  const createdAt = '2026-11-23T18:00:00.000Z';
  return { name: 'x', execution: { id: ID, projectId: 'demo', createdAt, input: null, workflow }, events };
}

describe('nodes that work at the same time', () => {
  it('have exactly the text that counts in the message, whatever is retried', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(nodeCase, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        fc.array(fc.nat(5), { maxLength: 60 }),
        async (cases, hasEdge, turns) => {
          // With an edge, the first node does not write the answer.
          const edges = hasEdge && cases.length > 1 ? [{ source: 'n0', target: 'n1' }] : [];
          await checkAiSdk(journalOf(cases, edges, turns));
        },
      ),
      { numRuns: 100 },
    );
  });
});
