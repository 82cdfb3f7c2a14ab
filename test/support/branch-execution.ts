import type { GraphCase } from './graph-arbitrary.js';
import { GraphModel, type Outcome } from './graph-model.js';
import { ids, type Frame, TERMINAL, upTo } from './watch.js';

/** A node that does something for a while and completes. */
const slow = {
  type: 'agent',
  config: { model: 'demo/echo', prompt: 'Hi.', providerOptions: { demo: { chunks: 4, delayMs: 15 } } },
};
const quick = { type: 'transform', config: { expression: '"done"' } };
const failing = { type: 'transform', config: { expression: '$error("boom")' } };

/** The request that runs a random graph. */
export const requestOf = ({ workflow, fate }: GraphCase, { isSlow = false } = {}): object => ({
  projectId: 'demo',
  input: { values: fate.values },
  workflow: {
    ...workflow,
    nodes: workflow.nodes.map(({ id, data }) => {
      const { type, config } = fate.fails.has(id) ? failing : isSlow ? slow : quick;
      return { id, type, data: { ...data, config } };
    }),
  },
});

/**
 * Compares the events of an ended execution with the model of the rules.
 * @throws Error with the first difference
 */
export function checkAgainstModel(given: GraphCase, frames: readonly Frame[]): void {
  const { workflow } = given;
  const model = new GraphModel(workflow, given.fate);
  const expected = model.outcomes();
  const actual = outcomesIn(frames);
  const unhandled = [...expected].flatMap(([id, outcome]) =>
    outcome === 'failed' && !model.isHandled(id) ? [id] : [],
  );
  const end = frames.at(-1)!;

  expect(ids(frames)).toEqual(upTo(frames.length));
  expect(frames.filter(({ type }) => TERMINAL.test(type))).toEqual([end]);
  for (const [id, outcome] of actual) expect([id, outcome]).toEqual([id, expected.get(id)]);
  checkBranches(given, model, frames, expected);
  if (unhandled.length === 0) {
    expect(end.type).toBe('execution:completed');
    expect(end.data.result.output).toEqual(outputOf(given, expected));
  } else {
    expect(end.type).toBe('execution:failed');
    expect(unhandled).toContain(end.data.nodeId);
    expect(end.data.code).toBe('transform_failed');
  }
  // Such a failure ends the execution at once, so other nodes may have no outcome.
  if (unhandled.some((id) => !model.takesAlways(id))) return;
  expect(actual).toEqual(expected);
  const { completedSteps, totalSteps, percent } = frames.findLast(
    ({ type }) => type === 'execution:progress',
  )!.data;
  expect({ completedSteps, totalSteps, percent }).toEqual({
    completedSteps: workflow.nodes.length,
    totalSteps: workflow.nodes.length,
    percent: 100,
  });
}

/** The outcomes of the nodes that have one. Each must have only one, as its last event. */
function outcomesIn(frames: readonly Frame[]): Map<string, Outcome> {
  const outcomes = new Map<string, Outcome>();
  for (const { type, data } of frames) {
    if (type !== 'execution:step') continue;
    const { nodeId, status } = data;
    expect([nodeId, outcomes.get(nodeId)]).toEqual([nodeId, undefined]);
    if (status === 'completed' || status === 'failed' || status === 'skipped') outcomes.set(nodeId, status);
  }
  return outcomes;
}

/** Each decision is recorded once, and only after the step that it belongs to. */
function checkBranches(
  { workflow }: GraphCase,
  model: GraphModel,
  frames: readonly Frame[],
  outcomes: ReadonlyMap<string, Outcome>,
): void {
  const decided = new Set<string>();
  for (const [at, { type, data }] of frames.entries()) {
    if (type !== 'execution:branch') continue;
    const { nodeId, stepId, taken, notTaken } = data;
    expect(decided).not.toContain(nodeId);
    decided.add(nodeId);
    const step = frames.slice(0, at).findLast(({ data: before }) => before.stepId === stepId);
    expect(step?.data).toMatchObject({ nodeId, status: outcomes.get(nodeId) });
    const edges = workflow.edges.map((edge, index) => ({ edge, name: edge.id ?? `edges[${index}]` }));
    const own = edges.filter(({ edge }) => edge.source === nodeId);
    const isTaken = ({ edge }: (typeof own)[number]) => model.isTaken(edge, outcomes.get(nodeId)!);
    expect(taken).toEqual(own.filter(isTaken).map(({ name }) => name));
    expect(notTaken).toEqual(own.filter((edge) => !isTaken(edge)).map(({ name }) => name));
  }
}

/** The output of the last nodes, all of which give the same text. */
function outputOf({ workflow }: GraphCase, outcomes: ReadonlyMap<string, Outcome>): unknown {
  const last = workflow.nodes.filter(({ id }) => workflow.edges.every(({ source }) => source !== id));
  const completed = last.filter(({ id }) => outcomes.get(id) === 'completed');
  const text = expect.any(String) as string;
  if (last.length === 1) return completed.length === 1 ? text : null;
  return Object.fromEntries(completed.map(({ id }) => [id, text]));
}
