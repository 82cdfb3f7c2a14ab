import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import {
  type OpenApiDocument,
  OpenApiValidator,
  type Operation,
  type Parameter,
  type Schema,
} from './support/openapi-validator.js';
import { spoiled, valuesOf } from './support/schema-arbitrary.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';

const REQUESTS = 4_800;
/** The same requests every time. Another seed may find more. */
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_127);
const PARALLEL = 6;

interface Route {
  path: string;
  method: string;
  operation: Operation;
}
interface Generated {
  route: Route;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer | undefined;
}
interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

const WORKFLOW = {
  nodes: [{ id: 'answer', type: 'agent', data: { config: { model: 'demo/echo', prompt: 'Hello' } } }],
};
const APPROVAL = { nodes: [{ id: 'sign-off', type: 'approval', data: { config: {} } }] };

describe('answers to generated requests', () => {
  let server: Server;
  let validator: OpenApiValidator;
  let routes: Route[];
  let weakKey: string;
  /** Ids that requests may use, by the parameter that takes them. */
  const ids: Record<string, string[]> = { executionId: [], keyId: [] };

  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      SECRETS_KEY: `fuzz:${randomBytes(32).toString('base64')}`,
      MAX_AUTH_FAILURES_PER_MINUTE: '100000',
    });
    const { text } = await server.call('GET', '/docs/openapi.json');
    validator = new OpenApiValidator(JSON.parse(text) as OpenApiDocument);
    // MCP is JSON-RPC, whose messages the document does not describe. Its conformance suite tests the endpoint.
    routes = validator.operations().filter(({ path }) => path !== '/mcp');
    const key = await server.call('POST', '/api/keys', {
      name: 'weak',
      projects: ['other'],
      scopes: ['executions:read'],
    });
    weakKey = key.body.key;
    // Many wait for an approval, because other requests cancel them. Many end, because other requests delete those.
    for (const workflow of [
      ...Array.from({ length: 60 }, () => WORKFLOW),
      ...Array.from({ length: 60 }, () => APPROVAL),
    ])
      ids['executionId']!.push(await server.startExecution({ projectId: 'demo', workflow }));
    for (const name of ['a', 'b', 'c']) {
      const { body } = await server.call('POST', '/api/keys', {
        name,
        projects: ['demo'],
        scopes: ['executions:read'],
      });
      ids['keyId']!.push(body.id);
    }
  });
  afterAll(() => server.kill('SIGTERM'));

  it(`are as documented, ${REQUESTS} of them over all operations`, async () => {
    const perRoute = Math.ceil(REQUESTS / routes.length);
    const requests = routes.flatMap((route, index) =>
      fc.sample(requestsOf(route), { seed: SEED + index, numRuns: perRoute }),
    );
    // Interleaved, so that requests for other routes come between those for one.
    const queue = requests.map((request, index) => ({ request, turn: index % perRoute }));
    const ordered = queue.toSorted((a, b) => a.turn - b.turn).map(({ request }) => request);
    const faults: string[] = [];
    const statuses = new Map<string, Set<number>>();
    const work = async () => {
      for (let request = ordered.shift(); request; request = ordered.shift()) {
        const answer = await send(request);
        const found = validator.check({ ...request, ...answer });
        if (answer.status >= 500) found.push('is an error of the server');
        if (found.length > 0) faults.push(describeFault(request, answer, found));
        const { operationId } = request.route.operation;
        statuses.set(operationId, (statuses.get(operationId) ?? new Set()).add(answer.status));
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    expect(faults).toEqual([]);
    // Other requests have deleted most executions that have ended.
    const again = await server.call('POST', `/api/executions/${await ended()}/rerun`, { from: ['answer'] });
    statuses.get('rerunExecution')!.add(again.status);
    // Every operation was also used as it is meant to be, except on resources that this server has none of.
    const unused = routes.filter(
      ({ path, operation }) =>
        // There is no saved workflow, which is a model.
        !path.startsWith('/v1/') &&
        [...path.matchAll(/\{(\w+)\}/g)].every(([, name]) => Object.hasOwn(ids, name!)) &&
        ![...statuses.get(operation.operationId)!].some((status) => status < 300),
    );
    expect(unused.map(({ operation }) => operation.operationId)).toEqual([]);
  }, 600_000);

  const ended = async (): Promise<string> => {
    const id = await server.startExecution({ projectId: 'demo', workflow: WORKFLOW });
    await server.call('GET', `/api/executions/${id}/stream`);
    return id;
  };

  it('are as documented in every frame of a stream', async () => {
    const id = await server.startExecution({ projectId: 'demo', workflow: WORKFLOW });
    for (const path of [`/api/executions/${id}/stream`, `/api/executions/stream?executionIds=${id}`]) {
      const answer = await server.call('GET', path);
      expect(answer.text).toContain('event: execution:completed');
      expect(validator.check({ method: 'GET', path, ...answer })).toEqual([]);
    }
  });

  /** Generates requests for a route: most of them valid, the others wrong in one way or in several. */
  function requestsOf(route: Route): fc.Arbitrary<Generated> {
    const { operation } = route;
    const parameters = operation.parameters.map((parameter) => validator.resolve<Parameter>(parameter));
    const of = (place: string) => parameters.filter((parameter) => parameter.in === place);
    const body = operation.requestBody?.content['application/json'];
    const bodies: fc.Arbitrary<unknown> = body
      ? fc.oneof(
          { weight: 3, arbitrary: fc.constantFrom(...Object.values(body.examples ?? {}).map(valueOf)) },
          { weight: 3, arbitrary: valuesOf(body.schema, resolve) },
        )
      : fc.constant(undefined);
    return fc
      .record({
        path: pathsOf(route.path, of('path')),
        query: queriesOf(of('query')),
        headers: headersOf(of('header')),
        credential: credentials,
        method:
          route.method === 'GET'
            ? often('GET', fc.constantFrom('HEAD', 'HEAD', 'DELETE', 'PUT'))
            : often(route.method, fc.constantFrom('GET', 'PATCH', 'DELETE')),
        body: body
          ? fc.oneof(
              { weight: 5, arbitrary: bodies.map(json) },
              { weight: 3, arbitrary: spoiled(bodies).map(json) },
              { weight: 1, arbitrary: brokenBodies },
            )
          : fc.constant(undefined),
      })
      .map(({ path, query, headers, credential, method, body: sent }) => ({
        route,
        method,
        path: query === '' ? path : `${path}?${query}`,
        headers: defined({ ...headers, ...credential, ...sent?.headers }),
        body: method === 'GET' || method === 'HEAD' ? undefined : sent?.content,
      }));
  }

  const resolve = (schema: Schema): Schema => validator.resolve(schema);

  function pathsOf(template: string, parameters: Parameter[]): fc.Arbitrary<string> {
    return fc
      .tuple(
        ...parameters.map(({ name, schema }) =>
          fc.oneof(
            ...(name in ids ? [{ weight: 6, arbitrary: fc.constantFrom(...ids[name]!) }] : []),
            { weight: 1, arbitrary: valuesOf(schema, resolve).map(String) },
            { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }) },
          ),
        ),
      )
      .map((values) =>
        values.reduce<string>(
          (path, value, index) => path.replace(`{${parameters[index]!.name}}`, () => segment(value)),
          template,
        ),
      );
  }

  function queriesOf(parameters: Parameter[]): fc.Arbitrary<string> {
    return fc
      .tuple(
        ...parameters.map(({ name, schema }) =>
          fc.oneof(
            { weight: 14, arbitrary: fc.constant(undefined) },
            { weight: 3, arbitrary: valuesOf(schema, resolve).map((value) => pair(name, String(value))) },
            {
              weight: 1,
              arbitrary: fc.string({ maxLength: 30, unit: 'grapheme' }).map((value) => pair(name, value)),
            },
            {
              weight: 1,
              arbitrary: fc.constantFrom(pair(`${name}s`, 'x'), pair(`${name}[]`, 'x'), pair(name, '')),
            },
          ),
        ),
      )
      .map((pairs) => new URLSearchParams(pairs.filter((one) => one !== undefined)).toString());
  }

  const headersOf = (parameters: Parameter[]): fc.Arbitrary<Record<string, string | undefined>> =>
    fc.record(
      Object.fromEntries(
        parameters.map(({ name }) => [
          name.toLowerCase(),
          fc.oneof(
            fc.stringMatching(/^[\x21-\x7e]{1,20}$/),
            fc.constantFrom('key-1', '0', '1', 'x'.repeat(300)),
          ),
        ]),
      ),
      { requiredKeys: [] },
    );

  const credentials: fc.Arbitrary<Record<string, string>> = fc.oneof(
    { weight: 12, arbitrary: fc.constant({ authorization: `Bearer ${ADMIN_KEY}` }) },
    { weight: 1, arbitrary: fc.constant({ 'x-api-key': ADMIN_KEY }) },
    { weight: 1, arbitrary: fc.constant({}) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('Bearer wrong', 'Basic eDp5', 'Bearer eyJhbGciOiJub25lIn0.e30.', 'Bearer')
        .map((authorization) => ({ authorization })),
    },
    // Read only when a request is generated: the key is made before.
    { weight: 1, arbitrary: fc.constant(null).map(() => ({ authorization: `Bearer ${weakKey}` })) },
  );

  async function send({ method, path, headers, body }: Generated): Promise<Answer> {
    const leave = new AbortController();
    const response = await fetch(new URL(path, server.url), {
      method,
      headers,
      signal: leave.signal,
      ...(body && { body: new Uint8Array(body) }),
    });
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    const text = isStream && method !== 'HEAD' ? await beginning(response) : await response.text();
    leave.abort();
    return { status: response.status, headers: response.headers, text };
  }
});

/** Reads a stream until it has sent a frame with data, and returns its whole frames. */
async function beginning(response: Response): Promise<string> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!/\ndata: .*\n(.*\n)*\n/.test(text)) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
  }
  return text.slice(0, text.lastIndexOf('\n\n') + 1);
}

const often = <T>(usual: T, others: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: others });

const defined = (headers: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );

const valueOf = (example: object): unknown => (example as { value: unknown }).value;

const pair = (name: string, value: string): [string, string] => [name, value];

/** A dot segment would change the path, also as %2e. */
const segment = (value: unknown): string => {
  const text = String(value).replaceAll(/^\.+$/g, 'dots');
  return encodeURIComponent(text.isWellFormed() ? text : 'lone');
};

interface SentBody {
  content: Buffer;
  headers: Record<string, string>;
}
const JSON_TYPE = { 'content-type': 'application/json' };
const json = (value: unknown): SentBody | undefined =>
  value === undefined ? undefined : { content: Buffer.from(JSON.stringify(value)), headers: JSON_TYPE };

/** Bodies that are refused before their schema is looked at. */
const brokenBodies: fc.Arbitrary<SentBody> = fc.constantFrom<SentBody>(
  { content: Buffer.from('{"a":'), headers: JSON_TYPE },
  { content: Buffer.from([0x22, 0xff, 0x22]), headers: JSON_TYPE },
  { content: Buffer.from(`[${'9'.repeat(30)}]`), headers: JSON_TYPE },
  { content: Buffer.from('['.repeat(5_000)), headers: JSON_TYPE },
  { content: Buffer.from('{}'), headers: { 'content-type': 'text/plain' } },
  { content: Buffer.from('{}'), headers: { 'content-type': 'application/json; charset=latin1' } },
  { content: Buffer.from('{}'), headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } },
  { content: Buffer.from('{}'), headers: { ...JSON_TYPE, 'content-encoding': 'lzma' } },
  { content: Buffer.alloc(1_200_000, 0x20), headers: JSON_TYPE },
);

function describeFault({ method, path, headers, body }: Generated, answer: Answer, found: string[]): string {
  const sent = body ? ` with ${body.toString().slice(0, 200)}` : '';
  return `${method} ${path} (${JSON.stringify(headers)})${sent} → ${answer.status} ${answer.text.slice(0, 300)}: ${found.join('; ')}`;
}
