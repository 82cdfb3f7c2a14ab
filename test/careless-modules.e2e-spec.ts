import { ExtensionServer } from './support/extension-server.js';
import { ADMIN_KEY, createDatabase, type Server } from './support/server.js';

const TRANSFORM = {
  nodes: [{ id: 'a', type: 'transform', data: { config: { expression: 'input' } } }],
  edges: [],
};

/** The body of `run` of node types that wait in a way that is not possible, and a part of the message. */
const REFUSED: Record<string, [body: string, message: string]> = {
  'a time after the year 9999': [
    `await run.waitFor({ kind: 'timer', until: '9999-12-31T23:59:59-14:00' });`,
    'before the year 10000',
  ],
  'a time that is a number': [`await run.waitFor({ kind: 'timer', until: 5 });`, 'before the year 10000'],
  'assignees that are no list': [
    `await run.waitFor({ kind: 'approval', assignees: 'key:1' });`,
    'assignees must be a list of ids',
  ],
  'an assignee that cannot be stored': [
    String.raw`await run.waitFor({ kind: 'approval', assignees: ['key:\u0000'] });`,
    'assignees must be a list of ids',
  ],
  'a message that is no text': [
    `await run.waitFor({ kind: 'approval', message: 5 });`,
    'message must be text',
  ],
  'a schema that is no object': [`await run.waitFor({ kind: 'approval', schema: 'x' });`, 'schema must be'],
  'a schema that is no JSON': [`await run.waitFor({ kind: 'approval', schema: { a: 1n } });`, 'is not JSON'],
  'arguments that are too large': [
    `await run.waitFor({ kind: 'tool', toolName: 't', toolArgs: 'x'.repeat(2_000_000) });`,
    'OUTPUT_MAX_BYTES',
  ],
  'a cyclic workflow': [
    `const node = (id: string) => ({ id, type: 'delay', data: { config: { ms: 1 } } });
     const edges = [{ source: 'a', target: 'b' }, { source: 'b', target: 'a' }];
     await run.runChildren({ key: 'c', workflow: { nodes: [node('a'), node('b')], edges }, inputs: [1] });`,
    'a -> b -> a',
  ],
  'a workflow without nodes': [
    `await run.runChildren({ key: 'c', workflow: {}, inputs: [1] });`,
    'workflow.nodes',
  ],
  'no workflow': [`await run.runChildren({ key: 'c', inputs: [1] });`, 'workflow'],
  'inputs that are no list': [
    `await run.runChildren({ key: 'c', workflow, inputs: 'abc' });`,
    'inputs must be a list',
  ],
  'an input that is undefined': [
    `await run.runChildren({ key: 'c', workflow, inputs: [1, undefined] });`,
    'inputs.1 is not JSON',
  ],
  'a circular input': [
    `const input: any = {}; input.self = input;
     await run.runChildren({ key: 'c', workflow, inputs: [input] });`,
    'inputs.0 is not JSON',
  ],
  'no concurrency': [
    `await run.runChildren({ key: 'c', workflow, inputs: [1, 2], concurrency: 0 });`,
    'concurrency must be',
  ],
  'half a concurrency': [
    `await run.runChildren({ key: 'c', workflow, inputs: [1, 2], concurrency: 1.5 });`,
    'concurrency must be',
  ],
  'a negative index': [
    `await run.runChildren({ key: 'c', workflow, inputs: [1], firstIndex: -1 });`,
    'firstIndex must be',
  ],
  'one index for children of two keys at once': [
    `const children = (key: string) => run.runChildren({ key, workflow, inputs: [1] });
     await Promise.all([children('a'), children('b')]);`,
    'have the same index 0',
  ],
  'one index for children of two keys, one after the other': [
    `const children = (key: string) => run.runChildren({ key, workflow, inputs: [1] });
     await children('a');
     await children('b');`,
    'have the same index 0',
  ],
  'the index of children that an earlier call has started': [
    `await run.runChildren({ key: run.resumed ? 'b' : 'a', workflow, inputs: [1] });`,
    'those with the key a have the index 0 already',
  ],
};

const CLASSES = Object.values(REFUSED).map(
  ([body], index) => `
  @NodeHandler('refused-${index}')
  class Refused${index} {
    readonly config = z.strictObject({});
    async run(run: any): Promise<any> { ${body} }
  }`,
);

const MODULE = `
  const workflow = ${JSON.stringify(TRANSFORM)};
  ${CLASSES.join('\n')}

  @NodeHandler('odd')
  class Odd {
    readonly config = z.strictObject({});
    async run(run: any): Promise<any> {
      await run.waitFor({ kind: 'timer', key: 'past', until: '-000001-01-01T00:00:00Z' });
      await run.countTokens('team/\\u0000\\ud800', { input: 2, output: 1 });
      const plain = { nodes: [{ id: 'a', type: 'transform-input' }], edges: [] };
      const [child] = await run.runChildren({ key: 'c', workflow: plain, inputs: ['\\u0000\\ud800'] });
      await run.countTokens('team/\\u0000\\ud800', { input: 2, output: 1 });
      return child.error.code;
    }
  }

  @Module({ providers: [Odd, ${CLASSES.map((_class, index) => `Refused${index}`).join(', ')}] })
  class TeamModule {}
`;

let extension: ExtensionServer;
let server: Server;
beforeAll(async () => {
  const settings = { DATABASE_URL: await createDatabase(), RETRY_BASE_MS: '5', PARK_TIMEOUT_MS: '50' };
  extension = await ExtensionServer.start(MODULE, settings);
  server = extension.server;
}, 60_000);
afterAll(() => extension.stop());

const run = async (type: string) => {
  const id = await server.startExecution({
    projectId: 'p',
    workflow: { nodes: [{ id: 'n', type, data: { config: {} } }], edges: [] },
  });
  const stream = await fetch(new URL(`/api/executions/${id}/stream`, server.url), {
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  });
  await stream.text();
  return (await server.call('GET', `/api/executions/${id}`)).body;
};

describe('a node of a module that waits in a way that is not possible', () => {
  it.each(Object.entries(REFUSED).map(([name, [, message]], index) => ({ name, message, index })))(
    'fails with the reason: $name',
    async ({ message, index }) => {
      const { status, error } = await run(`refused-${index}`);
      expect({ status, code: error?.code }).toEqual({ status: 'failed', code: 'invalid_wait' });
      expect(error?.message).toContain(message);
    },
    20_000,
  );
});

it('stores odd values of a module: a time long ago, text that PostgreSQL refuses, a node without data', async () => {
  const { status, output } = await run('odd');
  expect({ status, output }).toEqual({ status: 'completed', output: 'unknown_node_type' });
}, 20_000);
