/** An execution of a scenario: what it runs, what a person does with it, and how it must end. */
export interface PlannedExecution {
  nodes: { id: string; type: string; data?: object }[];
  edges: [string, string][];
  /** Nodes that wait for an approval. */
  approvals?: string[];
  /** By node id: the path on the counting server that the node posts to once. */
  posts?: Record<string, string>;
  /** Counted from its start. */
  pauseAfterMs?: number;
  cancelAfterMs?: number;
  failureCode?: string;
}

type Template = (n: number, url: string) => PlannedExecution;

/** Spreads values evenly: the fractional parts of the multiples of the golden ratio. */
const spread = (n: number, least: number, most: number): number =>
  Math.round(least + ((n * 0.618_033_988_75) % 1) * (most - least));

const CHUNK_MS = 250;
const streaming = (id: string, ms: number) => ({
  id,
  type: 'agent',
  data: {
    config: {
      model: 'demo/echo',
      prompt: 'Say {{input}}',
      providerOptions: { demo: { chunks: Math.max(1, Math.round(ms / CHUNK_MS)), delayMs: CHUNK_MS } },
    },
  },
});
const delay = (id: string, ms: number) => ({ id, type: 'delay', data: { config: { ms } } });
const post = (id: string, url: string) => ({
  id,
  type: 'http',
  data: { config: { method: 'POST', url, body: { hello: 'world' } }, maxRetries: 0 },
});
const chain = (...nodes: PlannedExecution['nodes']): Pick<PlannedExecution, 'nodes' | 'edges'> => ({
  nodes,
  edges: nodes.slice(1).map((node, index): [string, string] => [nodes[index]!.id, node.id]),
});
const ask = { id: 'ask', type: 'approval' };
const pathOf = (n: number, id: string): string => `/take/${n}/${id}`;
const paths = (n: number, ...ids: string[]) => Object.fromEntries(ids.map((id) => [id, pathOf(n, id)]));

const stream: Template = (n) => chain(streaming('a', spread(n, 1_000, 20_000)));
const posts: Template = (n, url) => ({
  ...chain(
    post('p', url + pathOf(n, 'p')),
    streaming('a', spread(n, 1_000, 8_000)),
    post('q', url + pathOf(n, 'q')),
  ),
  posts: paths(n, 'p', 'q'),
});
const approved: Template = (n, url) => ({
  ...chain(post('p', url + pathOf(n, 'p')), ask, streaming('a', spread(n, 1_000, 5_000))),
  posts: paths(n, 'p'),
  approvals: ['ask'],
});
const delayed: Template = (n, url) => ({
  ...chain(
    delay('c', spread(n, 500, 8_000)),
    delay('d', spread(n, 500, 3_000)),
    post('q', url + pathOf(n, 'q')),
  ),
  posts: paths(n, 'q'),
});
const parallel: Template = (n) => ({
  nodes: [
    streaming('a', spread(n, 1_000, 10_000)),
    streaming('b', spread(n, 1_000, 6_000)),
    delay('c', spread(n, 100, 5_000)),
    { id: 'join', type: 'transform', data: { config: { expression: '[nodes.a.output, nodes.b.output]' } } },
  ],
  edges: ['a', 'b', 'c'].map((id): [string, string] => [id, 'join']),
});
const paused: Template = (n) => ({
  ...chain(streaming('a', spread(n, 3_000, 8_000))),
  pauseAfterMs: spread(n, 500, 2_000),
});
/** Long enough to be paused in time on a busy machine. */
const pausedLong: Template = (n) => ({
  ...chain(streaming('a', 20_000)),
  pauseAfterMs: spread(n, 500, 2_000),
});
const cancelled: Template = (n) => ({
  ...chain(streaming('a', 20_000)),
  cancelAfterMs: spread(n, 500, 12_000),
});
const failing: Template = (n, url) => ({
  ...chain(streaming('a', spread(n, 1_000, 5_000)), post('no', `${url}/refuse/${n}`)),
  failureCode: 'http_status',
});

/** Any twenty executions in a row hold every kind; each entry is a share of 5 %. */
const MIX: readonly Template[] = [
  stream,
  posts,
  approved,
  delayed,
  stream,
  posts,
  parallel,
  stream,
  approved,
  paused,
  stream,
  posts,
  delayed,
  stream,
  cancelled,
  posts,
  approved,
  stream,
  failing,
  stream,
];
const WAITING: readonly Template[] = [approved, pausedLong];

/** All kinds of executions. They take 1 to 20 s. */
export const mixed: Template = (n, url) => MIX[n % MIX.length]!(n, url);
/** Executions that wait for a person, who approves or resumes them. */
export const waiting: Template = (n, url) => WAITING[n % WAITING.length]!(n, url);
