import type { SeededRandom } from './random.ts';

/** A workflow for a world, and what the world has to know of it. */
export interface MadeWorkflow {
  name: string;
  nodes: { id: string; type: string; data?: object }[];
  edges: [string, string][];
  /** Nodes that wait for an approval. */
  approvals?: string[];
  /** Nodes that send one request to the counting server and are not retried. */
  requests?: string[];
  /** The code of the failure that the workflow is made for. */
  failureCode?: string;
}

/** @param url of the counting server, for one execution */
type Template = (random: SeededRandom, url: string) => Omit<MadeWorkflow, 'name'>;

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
  /** Agents one after the other. */
  chain: (random) => ({
    nodes: ['a', 'b', 'c'].map((id) => streaming(random, id, 50)),
    edges: [
      ['a', 'b'],
      ['b', 'c'],
    ],
  }),
  /** Nodes in parallel, and one that joins them. */
  parallel: (random) => ({
    nodes: [
      streaming(random, 'a'),
      streaming(random, 'b', 40, { thinking: 5 }),
      delay('c', random.whole(1, 1_500)),
      transform('join', '[nodes.a.output, nodes.b.output]'),
    ],
    edges: ['a', 'b', 'c'].map((id): [string, string] => [id, 'join']),
  }),
  /** Many small steps: nearly every event changes what a takeover must know. */
  steps: (random) => {
    const ids = Array.from({ length: random.whole(6, 20) }, (_unused, index) => `s${index}`);
    return {
      nodes: ids.map((id) => delay(id, random.whole(0, 150))),
      edges: ids.slice(1).map((id, index): [string, string] => [ids[index]!, id]),
    };
  },
  /** Requests that must not be repeated by one claim. */
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
  /** Waits for a person in the middle. */
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
  /** Fails, as it is made to. */
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

/** Makes a workflow; the source decides which and how large. */
export function makeWorkflow(random: SeededRandom, url: string): MadeWorkflow {
  const name = random.weighted(WEIGHTS);
  return { name, ...(TEMPLATES[name] as Template)(random, url) };
}
