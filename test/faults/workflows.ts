import type { SeededRandom } from './random.ts';

/** A workflow for a world, and what the world must know about it. */
export interface GeneratedWorkflow {
  name: string;
  nodes: { id: string; type: string; data?: object }[];
  edges: [string, string][];
  /** Nodes that wait for an approval. */
  approvals?: string[];
  /** Nodes that send one request to the counting server and are not retried. */
  requests?: string[];
  /** The code that the workflow is meant to fail with. */
  failureCode?: string;
}

/** @param url the counting server's URL for one execution */
type Template = (random: SeededRandom, url: string) => Omit<GeneratedWorkflow, 'name'>;

const agent = (id: string, demo: object) => ({
  id,
  type: 'agent',
  data: { config: { model: 'demo/echo', prompt: 'Say {{input}}', providerOptions: { demo } } },
});
const delay = (id: string, ms: number) => ({ id, type: 'delay', data: { config: { ms } } });
const transform = (id: string, expression: string) => ({
  id,
  type: 'transform',
  data: { config: { expression } },
});
const streaming = (random: SeededRandom, id: string, most = 60, demo: object = {}) =>
  agent(id, { chunks: random.whole(8, most), delayMs: random.whole(2, 25), ...demo });
const post = (id: string, url: string) => ({
  id,
  type: 'http',
  data: { config: { method: 'POST', url: `${url}/${id}`, body: { hello: 'world' } }, maxRetries: 0 },
});

const TEMPLATES = {
  /** One long stream of chunks. */
  stream: (random) => ({ nodes: [streaming(random, 'a', 200)], edges: [] }),
  /** Agents one after another. */
  chain: (random) => ({
    nodes: ['a', 'b', 'c'].map((id) => streaming(random, id, 50)),
    edges: [
      ['a', 'b'],
      ['b', 'c'],
    ],
  }),
  /** Parallel nodes, and one that joins them. */
  parallel: (random) => ({
    nodes: [
      streaming(random, 'a'),
      streaming(random, 'b', 40, { thinking: 5 }),
      delay('c', random.whole(1, 1_500)),
      transform('join', '[nodes.a.output, nodes.b.output]'),
    ],
    edges: ['a', 'b', 'c'].map((id): [string, string] => [id, 'join']),
  }),
  /** Many small steps. Nearly every event changes the state that a takeover reads. */
  steps: (random) => {
    const ids = Array.from({ length: random.whole(6, 20) }, (_unused, index) => `s${index}`);
    return {
      nodes: ids.map((id) => delay(id, random.whole(0, 150))),
      edges: ids.slice(1).map((id, index): [string, string] => [ids[index]!, id]),
    };
  },
  /** Requests that one claim must not repeat. */
  posts: (random, url) => ({
    nodes: [
      delay('wait', random.whole(1, 500)),
      post('p', url),
      post('q', url),
      streaming(random, 'a', 20),
      transform('done', 'nodes.q.output.status'),
    ],
    edges: [
      ['wait', 'p'],
      ['p', 'a'],
      ['a', 'q'],
      ['q', 'done'],
    ],
    requests: ['p', 'q'],
  }),
  /** Waits for an approval in the middle. */
  approval: (random) => ({
    nodes: [streaming(random, 'a', 15), { id: 'ask', type: 'approval' }, streaming(random, 'b', 15)],
    edges: [
      ['a', 'ask'],
      ['ask', 'b'],
    ],
    approvals: ['ask'],
  }),
  /** Attempts that fail and are retried. */
  retried: (random) => ({
    nodes: [streaming(random, 'a', 20, { failTimes: random.whole(1, 2) }), streaming(random, 'b', 20)],
    edges: [['a', 'b']],
  }),
  /** Always fails. */
  failing: (random) => ({
    nodes: [
      streaming(random, 'a', 30),
      streaming(random, 'b', 60),
      transform('no', '$error("made to fail")'),
    ],
    edges: [['a', 'no']],
    failureCode: 'transform_failed',
  }),
} satisfies Record<string, Template>;

const WEIGHTS: Record<keyof typeof TEMPLATES, number> = {
  stream: 3,
  chain: 3,
  parallel: 3,
  steps: 3,
  posts: 3,
  approval: 3,
  retried: 1,
  failing: 1,
};

/** Generates a workflow. The random numbers decide its kind and size. */
export function generateWorkflow(random: SeededRandom, url: string): GeneratedWorkflow {
  const name = random.weighted(WEIGHTS);
  return { name, ...(TEMPLATES[name] as Template)(random, url) };
}
