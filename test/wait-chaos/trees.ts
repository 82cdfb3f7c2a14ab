import type { SeededRandom } from '../faults/random.ts';

interface Node {
  id: string;
  type: string;
  data: Record<string, unknown>;
}
interface Edge {
  source: string;
  target: string;
  on?: 'error' | 'always';
}

/** A workflow whose executions wait, fail and have children. */
export interface ChaosWorkflow {
  nodes: Node[];
  edges: Edge[];
}

/** The name of the only signal that workflows wait for. */
export const SIGNAL = 'go';
/** How deep child executions are nested. */
const MOST_DEPTH = 2;

const node = (id: string, type: string, config: object, data: object = {}): Node => ({
  id,
  type,
  data: { config, ...data },
});

const LEAVES: Record<string, (random: SeededRandom, id: string) => Node> = {
  value: (_random, id) => node(id, 'transform', { expression: 'input' }),
  delay: (random, id) => node(id, 'delay', { ms: random.pick([1, 40, 200, 1_000, 1_400, 2_000]) }),
  approval: (random, id) =>
    node(id, 'approval', {
      ...(random.chance(0.5) && { expiresInMs: random.whole(200, 2_500) }),
      onExpire: random.pick(['reject', 'approve', 'fail']),
      onReject: random.pick(['fail', 'continue']),
    }),
  wait: (random, id) =>
    node(id, 'wait', {
      signal: SIGNAL,
      ...(random.chance(0.5) && { expiresInMs: random.whole(200, 2_500) }),
      onExpire: random.pick(['fail', 'continue']),
    }),
  agent: (random, id) =>
    node(id, 'agent', {
      model: 'demo/echo',
      prompt: 'Say something',
      providerOptions: {
        demo: {
          chunks: random.whole(1, 5),
          delayMs: random.whole(1, 40),
          failTimes: random.chance(0.3) ? random.whole(1, 2) : 0,
        },
      },
    }),
  failing: (_random, id) => node(id, 'transform', { expression: '$error("made to fail")' }),
  exhausted: (_random, id) =>
    node(id, 'transform', { expression: '$error("made to wait")' }, { onExhausted: 'wait' }),
};
const LEAF_WEIGHTS = { value: 3, delay: 3, approval: 3, wait: 2, agent: 2, failing: 1, exhausted: 1 };

function parent(random: SeededRandom, id: string, depth: number): Node {
  const workflow = makeWorkflow(random.fork(id), depth + 1);
  switch (random.pick(['map', 'map', 'loop', 'workflow'])) {
    case 'map':
      return node(id, 'map', {
        items: Array.from({ length: random.whole(1, 4) }, (_unused, index) => index),
        concurrency: random.whole(1, 3),
        onError: random.pick(['fail', 'collect']),
        workflow,
      });
    case 'loop': {
      const turns = random.whole(1, 3);
      return node(id, 'loop', { workflow, until: `index >= ${turns - 1}`, maxIterations: turns });
    }
    default:
      return node(id, 'workflow', { workflow });
  }
}

/** Makes a workflow of one to four nodes. The random numbers decide its form, its nodes and their children. */
export function makeWorkflow(random: SeededRandom, depth = 0): ChaosWorkflow {
  const count = random.whole(depth === 0 ? 2 : 1, depth === 0 ? 4 : 3);
  const hasParent = depth < MOST_DEPTH && (depth === 0 || random.chance(0.3));
  const at = random.whole(0, count - 1);
  const nodes = Array.from({ length: count }, (_unused, index) => {
    const id = `n${index}`;
    if (hasParent && index === at) return parent(random, id, depth);
    return LEAVES[random.weighted(LEAF_WEIGHTS)]!(random, id);
  });
  const isChain = random.chance(0.6);
  const edges: Edge[] = [];
  for (const [index, { id }] of nodes.entries()) {
    if (index > 0 && (isChain || random.chance(0.4))) edges.push({ source: `n${index - 1}`, target: id });
  }
  // An edge that handles a failure, so that failures do not always end the execution.
  if (random.chance(0.5)) {
    const source = random.pick(nodes).id;
    nodes.push(node('after', 'transform', { expression: '"handled"' }));
    edges.push({ source, target: 'after', on: random.pick(['error', 'error', 'always']) });
  }
  return { nodes, edges };
}
