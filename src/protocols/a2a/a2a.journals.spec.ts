import { applyEvent, type ExecutionEvent, initialState, isTerminal, KeptWork } from '@cloutagent/contract';
import fc from 'fast-check';
import {
  completed,
  counted,
  type Draft,
  eventsOf,
  fold,
  format,
  NODES,
  output,
  started,
  step,
} from '../../../test/support/a2a-events.js';
import { taskOfStream, withJoinedTexts } from '../../../test/support/a2a-task.js';
import { copyState } from '../../streaming/formats/copy-state.js';
import { isForClient } from './open-waits.js';
import { taskOf } from './task-state.js';

/** What happens to a node or to the execution, as a random number chooses it. */
const action = fc.record({
  node: fc.nat(2),
  kind: fc.constantFrom(
    'chunk',
    'chunk',
    'round',
    'retry',
    'retry-kept',
    'complete',
    'wait',
    'timer',
    'answer',
    'takeover',
    'pause',
    'resume',
    'result',
  ),
  text: fc.string({ maxLength: 4 }),
  isText: fc.boolean(),
});
const ends = fc.constantFrom<Draft[]>(
  [completed],
  [{ type: 'execution:failed', error: 'It failed.', code: 'node_failed' }],
  [{ type: 'execution:cancelled' }],
  [],
);

/** Makes a journal as the engine would: steps begin, emit, keep, retry, wait and end. */
function journalOf(actions: readonly { node: number; kind: string; text: string; isText: boolean }[]) {
  const drafts: Draft[] = [started];
  const nodes = NODES.map((id) => ({
    id,
    steps: 0,
    stepId: '',
    status: 'new',
    kept: undefined as { stepId: string; through: number } | undefined,
    waitId: '',
    kind: '',
  }));
  const begin = (node: (typeof nodes)[number]) => {
    if (node.status !== 'new' && node.status !== 'retrying') return;
    node.steps += 1;
    node.stepId = `${node.id}.${node.steps}`;
    node.status = 'running';
    drafts.push(
      step(node.id, node.stepId, 'running', node.kept === undefined ? {} : { continues: node.kept.stepId }),
    );
  };
  const retry = (node: (typeof nodes)[number], error: string) => {
    if (node.status !== 'running') return;
    node.status = 'retrying';
    const keptThrough = node.kept?.stepId === node.stepId ? { keptThrough: node.kept.through } : {};
    drafts.push(step(node.id, node.stepId, 'retrying', { error, ...keptThrough }));
  };
  for (const { node: index, kind, text, isText } of actions) {
    const node = nodes[index]!;
    if (kind === 'pause' || kind === 'resume') {
      drafts.push({ type: `execution:${kind}d` });
      continue;
    }
    if (kind === 'takeover') {
      drafts.push({ ...started, attempt: 2 });
      for (const each of nodes) retry(each, 'The process has stopped.');
      continue;
    }
    if (kind === 'answer') {
      if (node.status !== 'waiting') continue;
      const { stepId, waitId, kind: waitKind, id: nodeId } = node;
      drafts.push({
        type: 'execution:wait-ended',
        waitId,
        nodeId,
        stepId,
        kind: waitKind,
        outcome: 'answered',
      });
      node.status = 'running';
      drafts.push(step(nodeId, stepId, 'running'));
      continue;
    }
    begin(node);
    if (node.status !== 'running') continue;
    const { id, stepId } = node;
    if (kind === 'chunk') drafts.push(output(id, stepId, text));
    if (kind === 'round') {
      drafts.push(...counted(id));
      if (isText) node.kept = { stepId, through: drafts.length };
    }
    if (kind === 'result') {
      drafts.push({
        type: 'execution:tool-result',
        toolId: 't',
        result: text,
        isError: false,
        nodeId: id,
        stepId,
      });
      node.kept = { stepId, through: drafts.length };
    }
    if (kind === 'retry') retry(node, 'No answer.');
    if (kind === 'retry-kept') {
      drafts.push(...counted(id));
      node.kept = { stepId, through: drafts.length };
      drafts.push(output(id, stepId, text));
      retry(node, 'No answer.');
    }
    if (kind === 'complete') {
      node.status = 'completed';
      drafts.push(step(id, stepId, 'completed', { output: isText ? text : { text } }));
    }
    if (kind === 'wait' || kind === 'timer') {
      node.status = 'waiting';
      node.waitId = `w${drafts.length}`;
      node.kind = kind === 'wait' ? 'approval' : 'timer';
      drafts.push(step(id, stepId, 'waiting'));
      drafts.push({
        type: 'execution:waiting',
        waitId: node.waitId,
        nodeId: id,
        stepId,
        kind: node.kind,
        ...(text !== '' && { message: text }),
      });
    }
  }
  return drafts;
}
const journal = fc
  .tuple(fc.array(action, { maxLength: 40 }), ends)
  .map(([actions, end]) => eventsOf([...journalOf(actions), ...end]));

/** The text of each node that stays valid, as the client of the product finds it. */
function validTexts(events: readonly ExecutionEvent[]): Map<string, string> {
  const keptWork = new KeptWork();
  let chunks: { nodeId: string; sequence: number; chunk: string }[] = [];
  for (const event of events) {
    if (event.type === 'execution:output') chunks.push(event);
    if (event.type !== 'execution:step') continue;
    const through = keptWork.validThrough(event);
    chunks = chunks.filter(({ nodeId, sequence }) => nodeId !== event.nodeId || sequence <= through);
  }
  const texts = new Map<string, string>();
  for (const { nodeId, chunk } of chunks) texts.set(nodeId, (texts.get(nodeId) ?? '') + chunk);
  return texts;
}

describe('the format a2a, for any journal', () => {
  it('gives a client of the SDK the task that GetTask shows', async () => {
    await fc.assert(
      fc.asyncProperty(journal, async (events) => {
        const { state, frames } = fold(events);
        expect(await taskOfStream(frames)).toEqual(withJoinedTexts(taskOf(state)));
      }),
    );
  });

  it('gives the same final task to a client that subscribes again anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(journal, fc.nat(), async (events, at) => {
        const cut = at % (events.length + 1);
        const { state } = fold(events.slice(0, cut));
        const resumed = copyState(state, 'a2a') as typeof state;
        const frames = events
          .slice(cut)
          .flatMap((event) => format.encode(event, resumed).map(({ data }) => data as object));
        const whole = fold(events);
        const opening = format.opening(state).map(({ data }) => data as object);
        expect(await taskOfStream([...opening, ...frames])).toEqual(await taskOfStream(whole.frames));
        expect(resumed).toEqual(whole.state);
      }),
    );
  });

  it('shows the text that stays valid, and the status that the reducer of the product has', () => {
    fc.assert(
      fc.property(journal, (events) => {
        const { state } = fold(events);
        const texts = validTexts(events);
        for (const nodeId of ['first', 'second']) {
          const last = events.findLast((event) => event.type === 'execution:step' && event.nodeId === nodeId);
          const ended = last?.type === 'execution:step' && last.status === 'completed' ? last.output : '';
          const answer = typeof ended === 'string' ? ended : '';
          expect(state.artifacts[nodeId]!.text).toBe(texts.get(nodeId) || answer);
        }
        const { status, waits } = events.reduce(applyEvent, initialState());
        const isAsking = status === 'waiting' && waits.some(isForClient);
        expect(format.isIdle(state)).toBe(isAsking);
        if (isTerminal(status))
          expect(state.status.state).toBe(
            `TASK_STATE_${status === 'cancelled' ? 'CANCELED' : status.toUpperCase()}`,
          );
        else expect(state.status.state).toBe(isAsking ? 'TASK_STATE_INPUT_REQUIRED' : 'TASK_STATE_WORKING');
      }),
    );
  });
});
