import { ExtensionServer } from './support/extension-server.js';
import { createDatabase, type Server } from './support/server.js';
import { delay } from './support/watch.js';

/** A node type of a module, whose config contains a workflow. */
const TEAM = `
  import { Workflow } from '@cloutagent/contract';

  @NodeHandler('batch')
  class BatchNode {
    config = z.strictObject({ workflow: Workflow, note: z.string().optional() });
    verbatim = ['workflow'];
    async check({ workflow }, check) {
      const problems = await check.checkWorkflow(workflow);
      return problems.map((problem) => ({ ...problem, path: ['workflow', ...problem.path] }));
    }
    run() { return Promise.resolve(null); }
  }

  @Module({ providers: [BatchNode] })
  class TeamModule {}
`;

describe('a posted workflow', () => {
  let team: ExtensionServer;
  let server: Server;
  beforeAll(async () => {
    team = await ExtensionServer.start(TEAM, {
      DATABASE_URL: await createDatabase(),
      ANTHROPIC_API_KEY: 'k',
      MAX_WORKFLOW_NODES: '60',
      MAX_CHILD_DEPTH: '3',
      CHECK_TIMEOUT_MS: '1000',
      BODY_MAX_BYTES: '4000000',
    });
    server = team.server;
  });
  afterAll(() => team.stop());

  /** Returns the errors of the answer, without the messages' ends; none if the workflow is accepted. */
  async function errorsOf(workflow: object, code = 'validation_failed'): Promise<string[]> {
    const { status, body } = await server.call('POST', '/api/executions', {
      projectId: 'demo',
      input: null,
      workflow,
    });
    if (status === 202) return [];
    expect({ status, code: body.code }).toEqual({ status: 400, code });
    return (body.errors as { path: string; message: string }[]).map(
      ({ path, message }) => `${path}: ${message}`,
    );
  }
  const nodes = (ids: string) => ids.split('').map((id) => delay(id, 1));
  const edge = ([source, target]: string, members: object = {}) => ({ source, target, ...members });
  const batch = (id: string, workflow: object, more: object = {}) => ({
    id,
    type: 'batch',
    data: { config: { workflow, ...more } },
  });

  it('may have conditions, branches, error paths and joins', async () => {
    const workflow = {
      nodes: [...nodes('abc'), { id: 'd', type: 'delay', data: { join: 'any', config: { ms: 1 } } }],
      edges: [
        edge('ab', { when: 'input.amount > 100 and $count(nodes.a.output) = 0' }),
        edge('ac', { otherwise: true }),
        edge('ad', { on: 'error' }),
        edge('bd', { on: 'always' }),
        edge('cd'),
        edge('cd', { on: 'error', when: 'execution.id != ""' }),
      ],
    };
    expect(await errorsOf(workflow)).toEqual([]);
  });

  it('is refused with every condition that does not parse', async () => {
    const edges = [
      edge('ab', { when: 'input.[' }),
      edge('ac', { when: 'input.ok' }),
      edge('ad', { when: 'true and' }),
      edge('ad', { when: 'input.[' }),
    ];
    expect(await errorsOf({ nodes: nodes('abcd'), edges })).toEqual(
      [0, 2, 3].map(
        (index) => expect.stringMatching(`^workflow.edges.${index}.when: is not valid JSONata`) as string,
      ),
    );
  });

  it.each<[string, object[], string]>([
    ['an otherwise without when', [edge('ab', { otherwise: true })], 'edges.0.otherwise: needs another edge'],
    [
      'an otherwise for another outcome',
      [edge('ab', { when: 'input' }), edge('ac', { otherwise: true, on: 'error' })],
      'edges.1.otherwise: needs another edge from node "a"',
    ],
    [
      'when and otherwise',
      [edge('ab', { when: 'input', otherwise: true })],
      'edges.0.otherwise: an edge has either',
    ],
    ['a constant', [edge('ab', { when: '1' })], 'edges.0.when: is not a condition'],
    [
      'two edges of one name',
      [edge('ab', { id: 'x', when: 'input' }), edge('ac', { id: 'x', otherwise: true })],
      'edges.1.id: another edge from node "a" has the same name',
    ],
    ['a node that can never run', [edge('ab', { when: 'false' })], 'nodes.1: node "b" can never run'],
    ['an unknown outcome', [edge('ab', { on: 'failure' })], 'edges.0.on: '],
    ['an empty condition', [edge('ab', { when: '' })], 'edges.0.when: '],
    ['a condition of 1 MB', [edge('ab', { when: `input = "${'x'.repeat(1_048_576)}"` })], 'edges.0.when: '],
    [
      'a cycle over an error path',
      [edge('ab'), edge('ba', { on: 'error' })],
      'edges: a workflow must not contain a',
    ],
  ])('is refused with %s', async (_what, edges, error) => {
    const errors = await errorsOf({ nodes: nodes('abc'), edges });
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(`workflow.${error}`);
    expect(errors[0]!.length).toBeLessThan(500);
  });

  it('is refused with a join or a retry policy that does not exist', async () => {
    const workflow = (data: object) => ({
      nodes: [{ id: 'a', type: 'delay', data: { config: { ms: 1 }, ...data } }],
    });
    expect(await errorsOf(workflow({ join: 'first' }))).toEqual([
      expect.stringMatching(/^workflow\.nodes\.0\.data\.join: /),
    ]);
    expect(await errorsOf(workflow({ retry: { maxRetry: 2 } }))).toEqual([
      'workflow.nodes.0.data.retry.maxRetry: is not known: did you mean maxRetries?',
    ]);
  });

  it('is refused in bounded time if its conditions take too long to parse', async () => {
    // Each has almost 20,000 characters.
    const edges = Array.from({ length: 40 }, (_, index) =>
      edge('ab', { when: `a${'@$x.b'.repeat(3_990)}.x${index}` }),
    );
    const errors = await errorsOf({ nodes: nodes('ab'), edges }, 'expression_too_complex');
    expect(errors).toEqual([expect.stringMatching(/^workflow\.edges\.\d+\.when: is too complex/)]);
    expect(await errorsOf({ nodes: nodes('ab'), edges: [edge('ab', { when: 'input' })] })).toEqual([]);
  });

  describe('that contains a workflow', () => {
    const inner = (...edges: object[]) => ({ nodes: nodes('abc'), edges });

    it('is checked with it, and the paths lead into it', async () => {
      const wrong = [edge('ab', { when: 'input.[' }), edge('bc', { wehn: 'x' })];
      const workflow = {
        nodes: [
          batch('first', inner(wrong[0]!)),
          batch('second', { nodes: [batch('deep', inner(wrong[1]!))] }),
          batch('third', { nodes: [{ id: 'x', type: 'dealy', data: { config: {} } }] }),
        ],
        edges: [{ source: 'first', target: 'second', when: 'input.(' }],
      };
      const inNode = (index: number) => `workflow.nodes.${index}.data.config.workflow`;
      expect((await errorsOf(workflow)).toSorted()).toEqual([
        expect.stringMatching(/^workflow\.edges\.0\.when: is not valid JSONata/),
        expect.stringMatching(`^${inNode(0)}.edges.0.when: is not valid JSONata`),
        `${inNode(1)}.nodes.0.data.config.workflow.edges.0.wehn: did you mean when?`,
        expect.stringMatching(`^${inNode(2)}.nodes.0.type: there is no node type "dealy"`),
      ]);
    });

    it('is checked by the built-in node types as well', async () => {
      const workflow = (config: object) => ({ nodes: [{ id: 'x', type: 'workflow', data: { config } }] });
      expect(await errorsOf(workflow({ workflow: inner() }))).toEqual([]);
      expect(await errorsOf(workflow({ workflow: inner(edge('ab', { otherwise: true })) }))).toEqual([
        expect.stringMatching(
          /^workflow\.nodes\.0\.data\.config\.workflow\.edges\.0\.otherwise: needs another edge/,
        ),
      ]);
      expect(await errorsOf(workflow({ ref: 'invoices@production' }))).toEqual([
        expect.stringMatching(/^workflow\.nodes\.0\.data\.config\.ref: the project has no saved workflow/),
      ]);
    });

    it('must use models of a known price if the cost is limited', async () => {
      const agent = {
        id: 'a',
        type: 'agent',
        data: { config: { model: 'anthropic/of-no-price', prompt: 'Hi.' } },
      };
      const answer = await server.call('POST', '/api/executions', {
        projectId: 'demo',
        input: null,
        workflow: { nodes: [batch('x', { nodes: [agent] })] },
        options: { limits: { maxCostUSD: 1 } },
      });
      expect([answer.status, answer.body.code]).toEqual([400, 'price_unknown']);
      expect(answer.body.errors).toContainEqual({
        path: 'workflow.nodes.0.data.config.workflow.nodes.0.data.config.model',
        message: expect.stringMatching(/^the price of anthropic\/of-no-price is not known/) as string,
      });
    });

    it('may have placeholders in it, which refer to the nodes of that workflow', async () => {
      const refers = (id: string) => ({
        id: 'z',
        type: 'transform',
        data: { config: { expression: `$length("{{nodes.${id}.output}}")` } },
      });
      const workflow = (id: string) => ({
        nodes: [delay('outer', 1), batch('x', { nodes: [delay('a', 1), refers(id)], edges: [edge('az')] })],
        edges: [{ source: 'outer', target: 'x' }],
      });
      expect(await errorsOf(workflow('a'))).toEqual([]);
      expect(await errorsOf(workflow('outer'))).toEqual([
        expect.stringMatching(
          /workflow\.nodes\.1\.data\.config\.workflow\.nodes\.1\.data\.config\.expression: there is no node "outer"/,
        ),
      ]);
      const outside = { nodes: [batch('x', inner(), { note: '{{nodes.a.output}}' })] };
      expect(await errorsOf(outside)).toEqual([
        expect.stringMatching(/^workflow\.nodes\.0\.data\.config\.note: there is no node "a"/),
      ]);
    });

    it('is refused if it is nested too deep', async () => {
      const nested = (depth: number): object =>
        depth === 0 ? inner() : { nodes: [batch('x', nested(depth - 1))] };
      expect(await errorsOf(nested(3))).toEqual([]);
      expect(await errorsOf(nested(4))).toEqual([
        `workflow${'.nodes.0.data.config.workflow'.repeat(4)}: workflows may be nested at most 3 deep (MAX_CHILD_DEPTH): move this one further out`,
      ]);
    });

    it('is refused if it and the workflows inside have too many nodes together', async () => {
      const many = (count: number) => ({
        nodes: Array.from({ length: count }, (_, index) => batch(`n${index}`, inner())),
      });
      expect(await errorsOf(many(15))).toEqual([]);
      // The sixteen and the workflows of the first fourteen are 58 nodes.
      expect(await errorsOf(many(16))).toEqual(
        [14, 15].map(
          (index) =>
            `workflow.nodes.${index}.data.config.workflow.nodes: a workflow and the workflows inside it may have at most 60 nodes together`,
        ),
      );
    });

    it('has all expressions checked within one time limit', async () => {
      const slow = { when: `a${'@$x.b'.repeat(3_990)}` };
      const workflow = {
        nodes: Array.from({ length: 10 }, (_, index) => batch(`n${index}`, inner(edge('ab', slow)))),
      };
      expect(await errorsOf(workflow, 'expression_too_complex')).toEqual([
        expect.stringMatching(/^workflow\.nodes\.\d\.data\.config\.workflow\.edges\.0\.when: is too complex/),
      ]);
    });
  });
});
