import fc from 'fast-check';
import { checkAgainstModel, requestOf } from './support/branch-execution.js';
import { graphCase } from './support/graph-arbitrary.js';
import { createDatabase, Server } from './support/server.js';
import { agent, type Frame, pathOf, Watch } from './support/watch.js';

const node = (id: string, expression = `"${id}"`, data: object = {}) => ({
  id,
  type: 'transform',
  data: { config: { expression }, ...data },
});
const failing = (id: string, data: object = {}) => node(id, '$error("boom")', data);
const edge = (source: string, target: string, members: object = {}) => ({ source, target, ...members });

/** The last status of each node's step. */
const statuses = (frames: readonly Frame[]): Record<string, string> =>
  Object.fromEntries(
    frames.flatMap(({ type, data }) => (type === 'execution:step' ? [[data.nodeId, data.status]] : [])),
  );

describe('branches', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      TRANSFORM_TIMEOUT_MS: '1000',
      RETRY_BASE_MS: '1',
    });
  });
  afterAll(() => server.kill('SIGTERM'));

  const run = async (request: object): Promise<Frame[]> => {
    const id = await server.startExecution(request);
    return (await new Watch(server.url, pathOf(id)).done(60_000)).frames;
  };
  const runGraph = (nodes: object[], edges: object[], input: unknown = null) =>
    run({ projectId: 'demo', input, workflow: { nodes, edges } });

  /** Every outcome of a source, every kind of edge, and every join with another edge. */
  describe.each(['completed', 'failed', 'skipped'] as const)('an edge whose source is %s', (outcome) => {
    const ons = [undefined, 'success', 'error', 'always'] as const;
    const kinds = [
      'plain',
      'when true',
      'when false',
      'otherwise beside true',
      'otherwise beside false',
    ] as const;
    const others = ['none', 'taken', 'not taken'] as const;

    it.each(['all', 'any'] as const)('and whose target joins %s', async (join) => {
      const nodes: object[] = [node('start'), node('handler'), node('unused')];
      const edges: object[] = [
        edge('start', 'handler'),
        // The targets of edges that only a case needs have another edge, so that they run in every case.
        edge('start', 'unused'),
      ];
      const expected: Record<string, string> = {
        start: 'completed',
        handler: 'completed',
        unused: 'completed',
      };
      for (const on of ons) {
        for (const kind of kinds) {
          for (const other of others) {
            const name = `${on ?? 'default'}-${kind.replaceAll(' ', '-')}-${other.replaceAll(' ', '-')}`;
            const [source, target] = [`s.${name}`, `t.${name}`];
            nodes.push(outcome === 'failed' ? failing(source) : node(source));
            nodes.push(node(target, '1', { join }));
            edges.push(edge('start', source, { when: outcome === 'skipped' ? 'input.no' : 'input.yes' }));
            edges.push(edge(source, 'handler', { on: 'error' }));
            const value = kind.endsWith('true') ? 'input.yes' : 'input.no';
            const condition = kind.startsWith('when') ? { when: value } : {};
            if (kind.startsWith('otherwise'))
              edges.push(edge(source, 'unused', { ...(on && { on }), when: value }));
            edges.push(
              edge(source, target, {
                ...(on && { on }),
                ...condition,
                ...(kind.startsWith('otherwise') && { otherwise: true }),
              }),
            );
            if (other !== 'none')
              edges.push(edge('start', target, { when: other === 'taken' ? 'input.yes' : 'input.no' }));

            const fits =
              outcome !== 'skipped' && (on === 'always' || (on === 'error') === (outcome === 'failed'));
            const isTaken = fits && ['plain', 'when true', 'otherwise beside false'].includes(kind);
            expected[source] = outcome;
            expected[target] = isTaken || other === 'taken' ? 'completed' : 'skipped';
          }
        }
      }
      const frames = await runGraph(nodes, edges, { yes: true, no: false });
      expect(statuses(frames)).toEqual(expected);
      expect(frames.at(-1)!.type).toBe('execution:completed');
    });
  });

  it('skips what only a skipped node leads to, and gives null for a skipped last node', async () => {
    const frames = await runGraph(
      [node('a'), node('b'), node('c'), node('d')],
      [edge('a', 'b', { when: 'input > 1' }), edge('b', 'c', { on: 'always' }), edge('c', 'd')],
      1,
    );
    expect(statuses(frames)).toEqual({ a: 'completed', b: 'skipped', c: 'skipped', d: 'skipped' });
    expect(frames.at(-1)).toMatchObject({ type: 'execution:completed', data: { result: { output: null } } });
  });

  it('evaluates conditions on the input, the nodes before, and the execution', async () => {
    const conditions = {
      output: 'nodes.a.output = "a" and nodes.first.output.n = 7',
      input: 'input.amount > 100',
      execution: '$length(execution.id) = 36 and execution.projectId = "demo"',
      later: '$exists(nodes.output)',
    };
    const frames = await runGraph(
      [node('first', '{ "n": 7 }'), node('a'), ...Object.keys(conditions).map((id) => node(id))],
      [edge('first', 'a'), ...Object.entries(conditions).map(([id, when]) => edge('a', id, { when }))],
      { amount: 101 },
    );
    expect(statuses(frames)).toMatchObject({
      output: 'completed',
      input: 'completed',
      execution: 'completed',
      later: 'skipped',
    });
  });

  it('gives the failure of a node to the conditions of its edges', async () => {
    const frames = await runGraph(
      [failing('a'), node('b'), node('c')],
      [
        edge('a', 'b', { on: 'error', when: 'nodes.a.error.code = "transform_failed"' }),
        edge('a', 'c', { on: 'error', otherwise: true }),
      ],
    );
    expect(statuses(frames)).toEqual({ a: 'failed', b: 'completed', c: 'skipped' });
    expect(frames.at(-1)!.type).toBe('execution:completed');
  });

  describe('a failure', () => {
    it.each<[string, object[], Record<string, string>, string]>([
      ['without an edge ends the execution', [edge('a', 'b')], { a: 'failed' }, 'execution:failed'],
      [
        'whose error edge is taken is handled',
        [edge('a', 'b', { on: 'error' })],
        { a: 'failed', b: 'completed' },
        'execution:completed',
      ],
      [
        'whose error edge is not taken ends the execution',
        [edge('a', 'b', { on: 'error', when: 'input.no' })],
        { a: 'failed' },
        'execution:failed',
      ],
      [
        'is not handled by an always edge, which runs all the same',
        [edge('a', 'b', { on: 'always' }), edge('b', 'c')],
        { a: 'failed', b: 'completed', c: 'completed' },
        'execution:failed',
      ],
      [
        'is handled by an error edge beside an always edge',
        [edge('a', 'b', { on: 'always' }), edge('a', 'c', { on: 'error' })],
        { a: 'failed', b: 'completed', c: 'completed' },
        'execution:completed',
      ],
      [
        'is handled by an otherwise of the error path',
        [edge('a', 'b', { on: 'error', when: 'input.no' }), edge('a', 'c', { on: 'error', otherwise: true })],
        { a: 'failed', b: 'skipped', c: 'completed' },
        'execution:completed',
      ],
    ])('%s', async (_what, edges, expected, end) => {
      const ids = new Set([
        'a',
        ...edges.flatMap((one) => Object.values(one) as string[]).filter((id) => /^[bc]$/.test(id)),
      ]);
      const nodes = [...ids].map((id) => (id === 'a' ? failing(id) : node(id)));
      const frames = await runGraph(nodes, edges, { yes: true, no: false });
      expect(statuses(frames)).toEqual(expected);
      expect(frames.at(-1)!.type).toBe(end);
      if (end === 'execution:failed')
        expect(frames.at(-1)!.data).toMatchObject({ code: 'transform_failed', nodeId: 'a' });
    });

    it('that an error edge handles leaves other branches alone, and its own branch continues', async () => {
      const frames = await runGraph(
        [failing('a'), node('repair'), node('after', '"repaired"'), node('other')],
        [edge('a', 'after'), edge('a', 'repair', { on: 'error' }), edge('repair', 'after')],
      );
      expect(statuses(frames)).toEqual({
        a: 'failed',
        repair: 'completed',
        after: 'completed',
        other: 'completed',
      });
      expect(frames.at(-1)!.data.result.output).toEqual({ after: 'repaired', other: 'other' });
    });

    it('of the retried kind takes the error edge once no retry is left', async () => {
      const frames = await runGraph(
        [agent('a', { failTimes: 100 }), node('b')].map((each) => ({
          ...each,
          data: { ...each.data, maxRetries: 1 },
        })),
        [edge('a', 'b', { on: 'error' })],
      );
      const ofA = frames.filter(({ type, data }) => type === 'execution:step' && data.nodeId === 'a');
      expect(ofA.map(({ data }) => data.status)).toEqual(['running', 'retrying', 'running', 'failed']);
      expect(frames.at(-1)!.type).toBe('execution:completed');
    });
  });

  it('gives a node the outputs of those before it that completed, and no others', async () => {
    const frames = await runGraph(
      [
        node('a'),
        node('taken'),
        node('left'),
        node('keys', '[$keys(nodes)]'),
        { id: 'later', type: 'delay', data: { config: { ms: 0 } } },
        agent('task', {}, { prompt: undefined, name: 'task', instructions: 'Say it.' }),
      ].map((each) => (each.id === 'task' ? { ...each, type: 'subagent' } : each)),
      [
        edge('a', 'taken', { when: 'input = null' }),
        edge('a', 'left', { otherwise: true }),
        ...['keys', 'later', 'task'].flatMap((id) => [edge('taken', id), edge('left', id)]),
      ],
    );
    const { keys, later, task } = frames.at(-1)!.data.result.output as Record<string, unknown>;
    expect([keys, later]).toEqual([['taken'], 'taken']);
    expect(task).not.toContain('undefined');
  });

  describe('a node that joins any', () => {
    it('runs once, at the first taken edge, while other branches run on', async () => {
      const id = await server.startExecution({
        projectId: 'demo',
        input: null,
        workflow: {
          nodes: [node('fast'), agent('hangs', { hang: true }), node('c', '1', { join: 'any' }), node('d')],
          edges: [edge('fast', 'c'), edge('hangs', 'c'), edge('c', 'd')],
        },
      });
      const watch = new Watch(server.url, pathOf(id));
      await watch.until(({ frames }) => statuses(frames)['d'] === 'completed');
      expect(statuses(watch.frames)).toEqual({
        fast: 'completed',
        hangs: 'running',
        c: 'completed',
        d: 'completed',
      });
      await server.call('POST', `/api/executions/${id}/cancel`);
      await watch.done();
      expect(statuses(watch.frames)['hangs']).toBe('cancelled');
    });

    it('does not save the execution from an unhandled failure of another branch', async () => {
      const frames = await runGraph(
        [
          node('fast'),
          agent('slow', { chunks: 3, delayMs: 50 }),
          failing('fails'),
          node('c', '1', { join: 'any' }),
        ],
        [edge('fast', 'c'), edge('slow', 'fails'), edge('fails', 'c')],
      );
      expect(statuses(frames)).toEqual({
        fast: 'completed',
        slow: 'completed',
        fails: 'failed',
        c: 'completed',
      });
      expect(frames.at(-1)).toMatchObject({ type: 'execution:failed', data: { nodeId: 'fails' } });
    });
  });

  describe('a condition', () => {
    it.each([
      ['throws', '$error("no")'],
      ['gives a number', 'input.number'],
      ['gives nothing', 'input.nothing'],
      ['gives a list', '[true, false]'],
      ['never ends', '($f := function($n) { $f($n + 1) }; $f(0))'],
    ])('that %s fails the execution, and no error edge is followed', async (_what, when) => {
      const frames = await runGraph(
        [node('a'), node('b'), node('c')],
        [
          edge('a', 'c', { on: 'error' }),
          edge('a', 'b', { when: when === '[true, false]' ? 'input.list' : when }),
        ],
        { number: 1, list: [true, false] },
      );
      expect(frames.at(-1)).toMatchObject({ type: 'execution:failed', data: { code: 'condition_failed' } });
      expect(frames.at(-1)!.data.error).toContain('edges.1.when');
      expect(statuses(frames)).toEqual({ a: 'completed' });
    });
  });

  it('gives every node the outcome of the model, for random graphs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(graphCase(7), { minLength: 5, maxLength: 5 }), async (cases) => {
        const ended = await Promise.all(cases.map((each) => run(requestOf(each))));
        for (const [at, frames] of ended.entries()) checkAgainstModel(cases[at]!, frames);
      }),
      { numRuns: 16, endOnFailure: true },
    );
  });
});

it('decides again in another process if the first one is killed before its decision is recorded', async () => {
  const settings = {
    DATABASE_URL: await createDatabase(),
    DISPATCH_POLL_INTERVAL_MS: '200',
    // A busy machine takes many seconds for the condition.
    TRANSFORM_TIMEOUT_MS: '60000',
  };
  const [victim, survivor] = [await Server.start(settings), await Server.start(settings)];
  const takesLong = '$sum($map([1..300000], function($x) { $x * 2 })) > 0';
  const id = await victim.startExecution({
    projectId: 'demo',
    input: null,
    workflow: {
      nodes: [node('a'), node('b'), node('c')],
      edges: [edge('a', 'b', { id: 'yes', when: takesLong }), edge('a', 'c', { id: 'no', otherwise: true })],
    },
  });
  const watch = new Watch(survivor.url, pathOf(id));
  await watch.until(({ frames }) => statuses(frames)['a'] === 'completed');
  await victim.kill();
  expect(watch.frames.filter(({ type }) => type === 'execution:branch')).toEqual([]);
  await watch.done();
  const decisions = watch.frames.filter(({ type }) => type === 'execution:branch');
  expect(decisions.map(({ data }) => [data.taken, data.notTaken])).toEqual([[['yes'], ['no']]]);
  expect(statuses(watch.frames)).toEqual({ a: 'completed', b: 'completed', c: 'skipped' });
  expect(watch.frames.filter(({ data }) => data.nodeId === 'a' && data.status === 'running')).toHaveLength(1);
  await survivor.kill('SIGTERM');
});

it('gives every node the outcome of the model when its process is killed at a random event', async () => {
  const settings = { DATABASE_URL: await createDatabase(), DISPATCH_POLL_INTERVAL_MS: '200' };
  const survivor = await Server.start(settings);
  let takeovers = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(graphCase(7), { minLength: 4, maxLength: 4 }),
      fc.integer({ min: 1, max: 40 }),
      async (cases, moment) => {
        const victim = await Server.start(settings);
        const watches = await Promise.all(
          cases.map(async (each) => {
            const id = await victim.startExecution(requestOf(each, { isSlow: true }));
            return new Watch(survivor.url, pathOf(id));
          }),
        );
        await watches[0]!.until(({ frames, ended }) => ended || frames.length >= moment);
        await victim.kill();
        for (const [at, watch] of watches.entries()) {
          await watch.done(60_000);
          checkAgainstModel(cases[at]!, watch.frames);
          takeovers += watch.frames.filter(
            ({ data }) => data.attempt === 2 && data.projectId !== undefined,
          ).length;
        }
      },
    ),
    { numRuns: 8, endOnFailure: true },
  );
  expect(takeovers).toBeGreaterThan(0);
  await survivor.kill('SIGTERM');
}, 240_000);
