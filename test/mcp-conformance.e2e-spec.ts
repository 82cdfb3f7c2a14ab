import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { createServer, request, type Server as HttpServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { keyOf, object, save } from './support/mcp-tools.js';
import { createDatabase, Server } from './support/server.js';

const SUITE = join(
  dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json')),
  'dist/index.js',
);

/** The scenarios that need something which this server does not have, and why. All others must pass. */
const NOT_APPLICABLE: Record<string, string> = {
  'logging-set-level': 'logging is deprecated (SEP-2577), and progress says what an execution does',
  'tools-call-with-logging': 'see logging-set-level',
  'completion-complete': 'there are no prompts, and no arguments of resource templates to complete',
  'tools-call-sampling': 'an execution calls its own models (sampling is deprecated, SEP-2577)',
  'tools-call-image': 'the output of a workflow is JSON',
  'tools-call-audio': 'the output of a workflow is JSON',
  'tools-call-embedded-resource': 'the output of a workflow is JSON',
  'tools-call-mixed-content': 'the output of a workflow is JSON',
  'resources-read-text': 'it reads test://static-text, and resources are executions',
  'resources-read-binary': 'it reads test://static-binary, and resources are executions',
  'resources-templates-read': 'it reads test://template/…, and resources are executions',
  'resources-subscribe': 'no process keeps state of a client; streams of executions show changes',
  'resources-unsubscribe': 'see resources-subscribe',
  'prompts-list': 'there are no prompts',
  'prompts-get-simple': 'there are no prompts',
  'prompts-get-with-args': 'there are no prompts',
  'prompts-get-embedded-resource': 'there are no prompts',
  'prompts-get-with-image': 'there are no prompts',
};

const transform = (expression: string) => ({
  nodes: [{ id: 'last', type: 'transform', data: { config: { expression } } }],
});
/** Asks for the fields of a form. */
const form = (properties: object, required: string[] = []) => ({
  nodes: [
    { id: 'ask', type: 'wait', data: { config: { signal: 'form', schema: object(properties, required) } } },
  ],
});
const steps = (...ids: string[]) => ({
  nodes: ids.map((id) => ({ id, type: 'transform', data: { config: { expression: '"done"' } } })),
  edges: ids.slice(1).map((target, index) => ({ source: ids[index]!, target })),
});
const options = (...values: string[]) => values.map((value) => ({ const: value, title: `The ${value}` }));
const ADDRESS = { type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } };

/** The tools that the scenarios call, as saved workflows. */
const TOOLS: Record<string, { workflow: object; inputSchema?: object }> = {
  test_simple_text: { workflow: transform('"This is a simple text response for testing."') },
  test_error_handling: {
    workflow: transform('$error("This tool intentionally returns an error for testing")'),
  },
  test_tool_with_progress: { workflow: steps('a', 'b', 'c', 'd') },
  test_reconnection: { workflow: steps('a', 'b') },
  test_elicitation: {
    workflow: form({ username: { type: 'string' }, email: { type: 'string' } }, ['username', 'email']),
    inputSchema: object({ message: { type: 'string' } }, ['message']),
  },
  test_elicitation_sep1034_defaults: {
    workflow: form({
      name: { type: 'string', default: 'John Doe' },
      age: { type: 'integer', default: 30 },
      score: { type: 'number', default: 95.5 },
      status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean', default: true },
    }),
  },
  test_elicitation_sep1330_enums: {
    workflow: form({
      untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
      titledSingle: { type: 'string', oneOf: options('value1', 'value2', 'value3') },
      legacyEnum: {
        type: 'string',
        enum: ['opt1', 'opt2', 'opt3'],
        enumNames: ['Option One', 'Option Two', 'Option Three'],
      },
      untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
      titledMulti: { type: 'array', items: { anyOf: options('value1', 'value2', 'value3') } },
    }),
  },
  json_schema_2020_12_tool: {
    workflow: transform('input'),
    inputSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      $defs: { address: ADDRESS },
      properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' } },
      additionalProperties: false,
    },
  },
};

/** The suite sends no credential. A host would add it. */
async function startProxy(target: string, key: string): Promise<HttpServer> {
  const { hostname, port } = new URL(target);
  const proxy = createServer((incoming, response) => {
    const { method, url: path, headers } = incoming;
    const forwarded = request(
      { hostname, port, method, path, headers: { ...headers, authorization: `Bearer ${key}` } },
      (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      },
    );
    forwarded.on('error', () => response.destroy());
    incoming.pipe(forwarded);
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  return proxy;
}

describe('the official conformance suite', () => {
  let server: Server;
  let proxy: HttpServer;
  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase(), RETRY_BASE_MS: '1' });
    for (const [name, tool] of Object.entries(TOOLS))
      await save(server, name, { inputSchema: object({}), ...tool });
    proxy = await startProxy(server.url, await keyOf(server));
  });
  afterAll(async () => {
    proxy.closeAllConnections();
    await once(proxy.close(), 'close');
    await server.kill('SIGTERM');
  });

  it('passes every scenario that applies to this server', async () => {
    const { port } = proxy.address() as AddressInfo;
    const folder = await mkdtemp(join(tmpdir(), 'mcp-conformance-'));
    const url = `http://127.0.0.1:${port}/mcp`;
    const child = spawn(
      process.execPath,
      [SUITE, 'server', '--url', url, '--suite', 'all', '--output-dir', folder],
      {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => (output += data.toString()));
    await once(child, 'close');
    const results = [...output.matchAll(/^([✓✗]) ([\w-]+): \d+ passed, \d+ failed/gmu)];
    const failed = results.filter(([, mark]) => mark === '✗').map(([, , name]) => name!);
    expect(failed.toSorted()).toEqual(Object.keys(NOT_APPLICABLE).toSorted());
    expect(results.length - failed.length).toBe(14);
    expect(output).not.toMatch(/: WARNING/);
  });
});
