import { createDatabase, Server } from './support/server.js';
import { delay, start } from './support/watch.js';

const UNKNOWN = '01890000-0000-7000-8000-000000000000';

interface JsonSchema {
  $ref?: string;
  allOf?: JsonSchema[];
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  additionalProperties?: object | boolean;
}
interface Operation {
  security?: object[];
  parameters: { name: string; in: string; required?: boolean }[];
  requestBody?: {
    content: Record<string, { schema: JsonSchema; examples: Record<string, { value: object }> }>;
  };
}
interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, JsonSchema> };
}

let server: Server;
let document: OpenApi;
beforeAll(async () => {
  server = await Server.start({ DATABASE_URL: await createDatabase(), RATE_LIMIT_REQUESTS: '100000' });
  document = (await server.call('GET', '/docs/openapi.json')).body as unknown as OpenApi;
});
afterAll(() => server.kill('SIGTERM'));

/** All operations below /api, so that a new route cannot be forgotten. */
const operations = (): { method: string; path: string; operation: Operation }[] =>
  Object.entries(document.paths)
    .filter(([path]) => path.startsWith('/api/'))
    .flatMap(([template, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path: template.replaceAll(/\{\w+\}/g, UNKNOWN),
        operation,
      })),
    );

const bodyOf = ({ requestBody }: Operation) => requestBody?.content['application/json'];

/** The required parameters of a query, each with a value that is valid for it. */
const requiredOf = ({ parameters }: Operation): string =>
  parameters
    .filter((parameter) => parameter.in === 'query' && parameter.required)
    .map(({ name }) => `${name}=1&`)
    .join('');

/** Exchanges the second letter with the third. If they are equal, or if there is no third, it repeats the last one. */
function misspell(name: string): string {
  const [first, second, third] = [name.slice(0, 1), name.slice(1, 2), name.slice(2, 3)];
  return second === third || third === '' ? name + name.slice(-1) : first + third + second + name.slice(3);
}

interface PathError {
  path: string;
  message: string;
}

/**
 * Sends a request and returns `path: message` of each error; the status if it is not 400 `validation_failed`. The validation of
 * a start answers 200 with the same errors.
 */
async function errorsOf(method: string, path: string, body?: unknown): Promise<string[] | number> {
  const answer = await server.call(method, path, body);
  if (answer.status === 200 && path.endsWith('/validate')) {
    const { problems } = answer.body as unknown as { problems: PathError[] };
    return problems.map((problem) => `${problem.path}: ${problem.message}`);
  }
  if (answer.status !== 400 || answer.body.code !== 'validation_failed') return answer.status;
  return answer.body.errors.map((error) => `${error.path}: ${error.message}`);
}

/** Clients of other protocols send more than the server reads. Section 5.7 of A2A demands that unknown members are ignored. */
const PROTOCOLS = ['/api/a2a/', '/api/ag-ui/', '/api/ai-sdk/', '/v1/', '/mcp'];
const ignoresUnknown = (path: string): boolean => PROTOCOLS.some((prefix) => path.startsWith(prefix));

describe('every route', () => {
  it('is tested', () => {
    expect(operations().length).toBeGreaterThanOrEqual(18);
    expect(operations().filter(({ operation }) => bodyOf(operation)).length).toBeGreaterThanOrEqual(7);
  });

  it('refuses an unknown query parameter', async () => {
    for (const { method, path, operation } of operations()) {
      // The senders of webhooks choose the queries of their addresses.
      if (path.startsWith('/api/hooks/') || ignoresUnknown(path)) continue;
      const errors = await errorsOf(method, `${path}?${requiredOf(operation)}colour=red`);
      expect([method, path, errors]).toEqual([
        method,
        path,
        [expect.stringMatching(/^colour: is not known: /)],
      ]);
    }
  });

  it('names the query parameter that a misspelled one was meant to be', async () => {
    for (const { method, path, operation } of operations().filter((route) => !ignoresUnknown(route.path)))
      for (const { name } of operation.parameters.filter((parameter) => parameter.in === 'query')) {
        const wrong = misspell(name);
        expect([path, await errorsOf(method, `${path}?${requiredOf(operation)}${wrong}=x`)]).toEqual([
          path,
          [`${wrong}: is not known: did you mean ${name}?`],
        ]);
      }
  });

  it('refuses unknown members of a body', async () => {
    for (const { method, path, operation } of operations()) {
      const body = bodyOf(operation);
      // The body of a signal may be any JSON value.
      if (!body || !resolve(body.schema).properties || ignoresUnknown(path)) continue;
      const [example] = Object.values(body.examples);
      expect(await errorsOf(method, path, { ...example!.value, colour: 'red', size: 1 })).toEqual([
        expect.stringMatching(/^colour: is not known: /),
        expect.stringMatching(/^size: is not known: /),
      ]);
    }
  });

  it('names the member of a body that a misspelled one was meant to be', async () => {
    for (const { method, path, operation } of operations()) {
      const body = bodyOf(operation);
      // The body of a signal may be any JSON value.
      if (!body || !resolve(body.schema).properties || ignoresUnknown(path)) continue;
      const [example] = Object.values(body.examples);
      const names = Object.keys(resolve(body.schema).properties ?? {});
      expect(names.length).toBeGreaterThan(0);
      for (const name of names) {
        const wrong = misspell(name);
        expect([path, await errorsOf(method, path, { ...example!.value, [wrong]: 'x' })]).toEqual([
          path,
          [`${wrong}: is not known: did you mean ${name}?`],
        ]);
      }
    }
  });

  /** Follows references to the schema of an object. */
  function resolve(schema: JsonSchema): JsonSchema {
    const next = schema.$ref
      ? document.components.schemas[schema.$ref.split('/').at(-1)!]
      : (schema.allOf ?? schema.anyOf)?.[0];
    return schema.properties || !next ? schema : resolve(next);
  }

  it('asks for a credential first', async () => {
    for (const { method, path, operation } of operations()) {
      if (operation.security?.length === 0) continue;
      const { status } = await server.call(method, `${path}?colour=red`, undefined, { authorization: '' });
      expect([method, path, status]).toEqual([method, path, 401]);
    }
  });
});

describe('a query', () => {
  it.each([
    ['/api/executions?stauts=failed', 'stauts: is not known: did you mean status?'],
    ['/api/executions?project_id=demo', 'project_id: is not known: did you mean projectId?'],
    [
      '/api/executions/stream?executionIds[]=a&executionIds[]=b',
      'executionIds[]: is not known: did you mean executionIds? Write lists as name=a,b',
    ],
    [
      '/api/executions?status[]=failed',
      'status[]: is not known: did you mean status? Write lists as name=a,b',
    ],
    [
      '/api/executions?status[0]=failed',
      'status[0]: is not known: did you mean status? Write lists as name=a,b',
    ],
    [
      '/api/executions?__proto__=1',
      '__proto__: is not known: remove it, or use one of projectId, status, tag, parentId, rootId, rerunOf, workflow, createdAfter, createdBefore, children, limit, cursor',
    ],
    ['/api/me?colour=1', 'colour: is not known: this route has no query parameters'],
  ])('that is %s is refused with %s', async (path, error) => {
    expect(await errorsOf('GET', path)).toEqual([error]);
  });

  it('lists wrong values beside unknown names', async () => {
    expect(await errorsOf('GET', '/api/executions?limit=0&stauts=failed')).toEqual([
      expect.stringMatching(/^limit: /),
      'stauts: is not known: did you mean status?',
    ]);
  });

  it('lists at most 100 errors and repeats at most 100 characters of a name', async () => {
    const many = Array.from({ length: 300 }, (_, index) => `x${index}=1`).join('&');
    for (const path of ['/api/executions', '/api/me'])
      expect(await errorsOf('GET', `${path}?${many}`)).toHaveLength(100);
    for (const path of ['/api/executions', '/api/me']) {
      const { body } = await server.call('GET', `${path}?${'x'.repeat(5_000)}=1`);
      expect(body.errors[0]!.path).toBe(`${'x'.repeat(100)}…`);
    }
  });

  it('with a ticket and an unknown parameter is refused for the parameter', async () => {
    const filter = { projectId: 'demo' };
    const { body } = await server.call('POST', '/api/executions/stream-tickets', filter);
    const answer = await fetch(new URL(`${body.url}&stauts=failed`, server.url));
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
      400,
      'validation_failed',
    ]);
  });

  it.each(['/health/live?probe=1', '/health/ready?probe=1', '/metrics?format=text', '/docs?x=1', '/?x=1'])(
    'of a route for probes, scrapers and browsers may have any parameter: %s',
    async (path) => expect((await server.call('GET', path)).status).toBe(200),
  );
});

describe('a body', () => {
  it.each<[string, object, string[]]>([
    [
      'options.limits',
      { options: { limits: { maxTokenss: 1 } } },
      ['options.limits.maxTokenss: is not known: did you mean maxTokens?'],
    ],
    [
      'options',
      { options: { timeoutMS: 1, retries: 2 } },
      [
        'options.timeoutMS: is not known: did you mean timeoutMs?',
        'options.retries: is not known: did you mean maxRetries?',
      ],
    ],
    ['its root', { projectID: 'demo' }, ['projectID: is not known: did you mean projectId?']],
  ])('with unknown members of %s is refused', async (_where, members, errors) => {
    expect(await errorsOf('POST', '/api/executions', { ...start([delay('a', 1)]), ...members })).toEqual(
      errors,
    );
  });

  it('with a name of any length is answered in short', async () => {
    const { status, text } = await server.call('POST', '/api/executions', {
      ...start([delay('a', 1)]),
      ['x'.repeat(500_000)]: 1,
    });
    expect([status, text.length < 1_000]).toEqual([400, true]);
  });

  it('is not read by a route that takes none', async () => {
    const id = await server.startExecution(start([delay('a', 1)]));
    const answer = await server.call('POST', `/api/executions/${id}/stream-tickets`, { colour: 'red' });
    expect(answer.status).toBe(201);
  });
});

describe('a workflow', () => {
  const post = (workflow: object) =>
    errorsOf('POST', '/api/executions', { projectId: 'demo', input: null, workflow });
  const nodes = [delay('a', 1), delay('b', 1)];

  it.each<[string, object, string]>([
    [
      'an edge',
      { nodes, edges: [{ source: 'a', target: 'b', wehn: 'x' }] },
      'edges.0.wehn: did you mean when?',
    ],
    [
      'a node',
      { nodes: [delay('a', 1), { ...delay('b', 1), Data: {} }] },
      'nodes.1.Data: did you mean data?',
    ],
    [
      'the data of a node',
      { nodes: [{ id: 'a', type: 'delay', data: { config: { ms: 1 }, timeoutMS: 1 } }] },
      'nodes.0.data.timeoutMS: did you mean timeoutMs?',
    ],
    [
      'a config',
      { nodes: [{ id: 'a', type: 'delay', data: { config: { ms: 1, mss: 1 } } }] },
      'nodes.0.data.config.mss: is not known: did you mean ms?',
    ],
    ['its root', { nodes, egdes: [] }, 'egdes: did you mean edges?'],
  ])('with a mistake in %s is refused', async (_where, workflow, error) => {
    expect(await post(workflow)).toEqual([`workflow.${error}`]);
  });

  it.each([
    ['agent', { model: 'demo/fast', prompt: 'x', temprature: 1 }, 'temprature', 'temperature'],
    [
      'subagent',
      { model: 'demo/fast', name: 'n', instructions: 'x', maxOutputToken: 1 },
      'maxOutputToken',
      'maxOutputTokens',
    ],
    ['http', { url: 'https://example.com', header: {} }, 'header', 'headers'],
    ['transform', { expression: '1', expresion: '1' }, 'expresion', 'expression'],
    ['delay', { ms: 1, MS: 1 }, 'MS', 'ms'],
    ['approval', { mesage: 'x' }, 'mesage', 'message'],
  ])(
    'with an unknown member in the config of an %s node names the nearest one',
    async (type, config, wrong, name) => {
      expect(await post({ nodes: [{ id: 'a', type, data: { config } }] })).toEqual([
        `workflow.nodes.0.data.config.${wrong}: is not known: did you mean ${name}?`,
      ]);
    },
  );

  it('with an unknown member in a tool of an agent names the nearest one', async () => {
    const http = { url: 'https://example.com', methd: 'GET' };
    const tool = { name: 't', description: 'd', inputSchema: { type: 'object' }, http };
    const config = { model: 'demo/fast', prompt: 'x', tools: [tool] };
    expect(await post({ nodes: [{ id: 'a', type: 'agent', data: { config } }] })).toEqual([
      'workflow.nodes.0.data.config.tools.0.http.methd: is not known: did you mean method?',
    ]);
  });

  it('may have members of a graph editor', async () => {
    const flow = {
      nodes: [
        {
          ...delay('a', 1),
          position: { x: 0, y: 0 },
          measured: { width: 1, height: 1 },
          selected: false,
          dragging: false,
        },
        { ...delay('b', 1), position: { x: 0, y: 9 }, sourcePosition: 'bottom', style: {}, className: 'n' },
      ],
      edges: [
        {
          id: 'e',
          source: 'a',
          target: 'b',
          sourceHandle: 's',
          label: 'x',
          animated: true,
          data: { when: 1 },
        },
      ],
      viewport: { x: 0, y: 0, zoom: 1 },
    };
    expect(await post(flow)).toBe(202);
  });
});
