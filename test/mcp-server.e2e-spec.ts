import type { CallToolResult, Progress } from '@modelcontextprotocol/client';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import {
  connect,
  ERAS,
  executionOf,
  keyOf,
  object,
  save,
  saveTools,
  textOf,
  TOOLS,
} from './support/mcp-tools.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { until } from './support/until.js';

let server: Server;
/** Another process of the same database. */
let other: Server;
let key: string;
beforeAll(async () => {
  const settings = { DATABASE_URL: await createDatabase(), RETRY_BASE_MS: '1', HEARTBEAT_INTERVAL_MS: '200' };
  server = await Server.start(settings);
  other = await Server.start(settings);
  await saveTools(server);
  await save(server, 'secret', TOOLS.add, 'elsewhere');
  key = await keyOf(server);
});
afterAll(() => Promise.all([server.kill('SIGTERM'), other.kill('SIGTERM')]));

const executions = async (query: string) =>
  (await server.call('GET', `/api/executions?${query}`)).body.executions;
const executionOfTool = (name: string) =>
  until(`${name} runs`, async () =>
    (await executions('limit=1')).find(
      ({ workflow, status }) => workflow?.name === name && ['running', 'waiting'].includes(status),
    ),
  );
const ended = (id: string, status: string) =>
  until(
    `${id} is ${status}`,
    async () => (await server.call('GET', `/api/executions/${id}`)).body.status === status,
  );

describe.each(ERAS)('a client of the %s era', (era) => {
  it('lists the workflows that have an inputSchema of the type object', async () => {
    const client = await connect(server, era, { key });
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(Object.keys(TOOLS).toSorted());
    expect(tools.find(({ name }) => name === 'add')).toMatchObject({
      description: 'Adds two numbers.',
      inputSchema: TOOLS.add.inputSchema,
      annotations: { title: 'add', readOnlyHint: true },
    });
    await client.close();
  });

  it('gets the output, the usage and the cost', async () => {
    const client = await connect(server, era, { key });
    const result = await client.callTool({ name: 'add', arguments: { a: 1, b: 2 } });
    expect(result).toMatchObject({
      content: [{ type: 'text', text: '{"sum":3}' }],
      structuredContent: { sum: 3 },
      _meta: { 'cloutagent/status': 'completed', 'cloutagent/costUSD': 0 },
    });
    const { body } = await server.call('GET', `/api/executions/${executionOf(result)}`);
    expect(body).toMatchObject({ status: 'completed', input: { a: 1, b: 2 }, workflow: { name: 'add' } });
    const greeting = await client.callTool({ name: 'greet', arguments: { name: 'Ada' } });
    expect(textOf(greeting)).toContain('Ada');
    expect(greeting.structuredContent).toBeUndefined();
    expect(greeting._meta?.['cloutagent/usage']).toEqual(
      (await server.call('GET', `/api/executions/${executionOf(greeting)}`)).body.tokenUsage,
    );
    await client.close();
  });

  it('receives progress that rises, with the text of the answer', async () => {
    const client = await connect(server, era, { key });
    const received: Progress[] = [];
    const result = await client.callTool(
      { name: 'greet', arguments: { name: 'Ada' } },
      { onprogress: (progress) => received.push(progress) },
    );
    const values = received.map(({ progress }) => progress);
    expect(values.length).toBeGreaterThan(4);
    expect(values).toEqual([...new Set(values)].toSorted((a, b) => a - b));
    expect(received.map(({ message }) => message).join('')).toContain(textOf(result));
    await client.close();
  });

  it('gets a failure as a result that the model can read', async () => {
    const client = await connect(server, era, { key });
    const result = await client.callTool({ name: 'boom', arguments: {} });
    expect(result.isError).toBe(true);
    expect(textOf(result)).toMatch(/^The execution failed: .*it broke.* \(\w+\)$/s);
    expect(result._meta?.['cloutagent/error']).toMatchObject({ code: expect.any(String), nodeId: 'boom' });
    await client.close();
  });

  it('gets wrong arguments as a result that says what to correct', async () => {
    const client = await connect(server, era, { key });
    const before = (await executions('limit=100')).length;
    const result = await client.callTool({ name: 'add', arguments: { a: 'one' } });
    expect(result.isError).toBe(true);
    expect(textOf(result)).toContain('(input_invalid)');
    expect(textOf(result)).toContain('input.a');
    expect((await executions('limit=100')).length).toBe(before);
    await client.close();
  });

  it('gets an error for a tool that it does not have: unknown, without a schema, of another project', async () => {
    const client = await connect(server, era, { key });
    for (const name of ['unknown', 'no-schema', 'secret', 'elsewhere__secret'])
      await expect(client.callTool({ name, arguments: { a: 1, b: 2 } })).rejects.toMatchObject({
        code: -32_602,
        data: { code: 'not_found', status: 404 },
      });
    await client.close();
  });

  it('cancels the execution when it cancels the call', async () => {
    const client = await connect(server, era, { key });
    const abort = new AbortController();
    const call = client.callTool({ name: 'wait', arguments: { ms: 1 } }, { signal: abort.signal });
    const { id } = await executionOfTool('wait');
    abort.abort('enough');
    await expect(call).rejects.toThrow('enough');
    await ended(id, 'cancelled');
    const { events } = (await server.call('GET', `/api/executions/${id}/events?types=execution:cancelled`))
      .body;
    expect(events).toMatchObject([{ reason: 'The client of the tool call cancelled it.' }]);
    await client.close();
  });

  it('answers the waits of an execution in a form', async () => {
    const forms: unknown[] = [];
    const client = await connect(server, era, {
      key,
      answers: (message, schema) => {
        forms.push([message, Object.keys((schema as { properties: object }).properties)]);
        return { action: 'accept', content: { approved: true, budget: 20, comment: 'ok' } };
      },
    });
    const result = await client.callTool({ name: 'review', arguments: {} });
    expect(result.structuredContent).toMatchObject({ approved: true, values: { budget: 20 }, comment: 'ok' });
    expect(forms).toEqual([['How much may it cost?', ['approved', 'budget', 'comment']]]);
    await client.close();
  });

  it('is asked again when an answer does not fit, and for each further wait', async () => {
    const messages: string[] = [];
    const client = await connect(server, era, {
      key,
      answers: (message) => {
        messages.push(message);
        return {
          action: 'accept',
          content: { approved: true, budget: messages.length === 1 ? 7 : 10, body: 'now' },
        };
      },
    });
    const review = await client.callTool({ name: 'review', arguments: {} });
    expect(review.structuredContent).toMatchObject({ values: { budget: 10 } });
    expect(messages[1]).toMatch(/^The answer does not fit the wait: .*\nHow much may it cost\?$/);
    messages.length = 1;
    const twice = await client.callTool({ name: 'twice', arguments: {} });
    expect(textOf(twice)).toBe('now');
    expect(messages.slice(1)).toEqual(['First?', 'more waits for more.']);
    await client.close();
  });

  it.each(['decline', 'cancel'] as const)(
    'gets the resource when the person chooses to %s',
    async (action) => {
      const client = await connect(server, era, { key, answers: () => ({ action }) });
      const result = await client.callTool({ name: 'review', arguments: {} });
      expect(textOf(result)).toMatch(
        /waits \(approval\): How much may it cost\?\. Answer with POST \/api\/waits\//,
      );
      expect(result._meta).toMatchObject({ 'cloutagent/status': 'waiting' });
      await server.call('POST', `/api/executions/${executionOf(result)}/cancel`, {});
      await client.close();
    },
  );

  it('gets the resource when no form can ask: no capability, a list in the form, no scope', async () => {
    const limited = await keyOf(server, { scopes: ['executions:read', 'executions:write'] });
    const answers = () => ({ action: 'accept' as const, content: { approved: true } });
    for (const [name, options] of [
      ['review', { key }],
      ['nested', { key, answers }],
      ['review', { key: limited, answers }],
    ] as const) {
      const client = await connect(server, era, options);
      const result = await client.callTool({ name, arguments: {} });
      const uri = `execution://${executionOf(result)}`;
      expect(result.content[1]).toMatchObject({ type: 'resource_link', uri });
      const { contents } = await client.readResource({ uri });
      const shown = JSON.parse((contents[0] as { text: string }).text);
      expect(shown).toMatchObject({
        status: 'waiting',
        waits: [{ kind: 'approval', howToAnswer: expect.stringContaining('/answer') }],
      });
      await server.call('POST', `/api/executions/${executionOf(result)}/cancel`, {});
      await client.close();
    }
  });

  it('reads executions of its projects as resources, and no others', async () => {
    const client = await connect(server, era, { key });
    const result = await client.callTool({ name: 'add', arguments: { a: 2, b: 2 } });
    const uri = `execution://${executionOf(result)}`;
    expect((await client.listResources()).resources.map((each) => each.uri)).toContain(uri);
    expect((await client.listResourceTemplates()).resourceTemplates).toMatchObject([
      { uriTemplate: 'execution://{id}' },
    ]);
    const { contents } = await client.readResource({ uri });
    expect(JSON.parse((contents[0] as { text: string }).text)).toMatchObject({
      status: 'completed',
      output: { sum: 4 },
    });
    const foreign = await server.startExecution({
      projectId: 'elsewhere',
      workflowRef: 'secret',
      input: { a: 1, b: 1 },
    });
    for (const unknown of [`execution://${foreign}`, 'execution://x', 'file:///etc/passwd'])
      await expect(client.readResource({ uri: unknown })).rejects.toMatchObject({ code: -32_602 });
    await client.close();
  });

  it('starts one execution for repeated calls with the same key', async () => {
    const client = await connect(server, era, { key });
    const call = {
      name: 'add',
      arguments: { a: 3, b: 4 },
      _meta: { 'cloutagent/idempotencyKey': `key-${era}` },
    };
    const [first, second] = [await client.callTool(call), await client.callTool(call)];
    expect(executionOf(second)).toBe(executionOf(first));
    await expect(client.callTool({ ...call, arguments: { a: 1, b: 1 } })).rejects.toMatchObject({
      data: { code: 'idempotency_key_reused' },
    });
    await client.close();
  });
});

describe('a call whose client spreads its requests over processes', () => {
  /** Sends each request to the other process than the one before. */
  const balanced = () => {
    let count = 0;
    const seen: string[] = [];
    const urls = [server.url, other.url];
    return {
      seen,
      fetch: (input: string | URL, init?: RequestInit) => {
        const base = urls[count++ % 2]!;
        const body = typeof init?.body === 'string' ? init.body : '';
        seen.push(`${base} ${init?.method} ${body.slice(0, 200)}`);
        return fetch(new URL(new URL(String(input)).pathname, base), init);
      },
    };
  };

  it.each(ERAS)('answers forms and cancels calls of the %s era at any process', async (era) => {
    const answers = [
      { action: 'accept' as const, content: { approved: true, budget: 1 } },
      { action: 'accept' as const, content: { approved: true, budget: 5 } },
      { action: 'decline' as const },
    ];
    const { fetch, seen } = balanced();
    const client = await connect(server, era, { key, fetch, answers: () => answers.shift()! });
    const review = await client.callTool({ name: 'review', arguments: {} });
    expect(review.structuredContent).toMatchObject({ approved: true, values: { budget: 5 } });
    const declined = await client.callTool({ name: 'review', arguments: {} });
    expect(declined._meta).toMatchObject({ 'cloutagent/status': 'waiting' });
    await server.call('POST', `/api/executions/${executionOf(declined)}/cancel`, {});
    const abort = new AbortController();
    const call = client.callTool({ name: 'wait', arguments: { ms: 1 } }, { signal: abort.signal });
    const { id } = await executionOfTool('wait');
    abort.abort('enough');
    await expect(call).rejects.toThrow();
    await ended(id, 'cancelled');
    for (const { url } of [server, other]) expect(seen.some((each) => each.startsWith(url))).toBe(true);
    await client.close();
  });
});

describe('the names of tools', () => {
  it('have the project if the credential has several, and limited keys see only their workflows', async () => {
    const all = await connect(server, 'modern');
    const names = (await all.listTools()).tools.map(({ name }) => name);
    expect(names).toContain('demo__add');
    expect(names).toContain('elsewhere__secret');
    const result = await all.callTool({ name: 'elsewhere__secret', arguments: { a: 5, b: 5 } });
    expect(result.structuredContent).toEqual({ sum: 10 });
    await all.close();
    const limited = await keyOf(server, { workflows: ['greet', 'add@1'] });
    const client = await connect(server, 'legacy', { key: limited });
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['add', 'greet']);
    await expect(client.callTool({ name: 'boom', arguments: {} })).rejects.toMatchObject({
      data: { code: 'not_found' },
    });
    await client.close();
  });

  it('are found again when they end with a hash', async () => {
    await save(server, 'team.add:all', TOOLS.add);
    const client = await connect(server, 'modern', { key });
    const { name } = (await client.listTools()).tools.find(({ title }) => title === 'team.add:all')!;
    expect(name).toMatch(/^team_add_all-[0-9a-f]{10}$/);
    const result = await client.callTool({ name, arguments: { a: 1, b: 1 } });
    expect(result.structuredContent).toEqual({ sum: 2 });
    await server.call('DELETE', '/api/workflows/demo/team.add:all');
    await client.close();
  });

  it('mean the version of the alias production, and else the newest', async () => {
    const version = (n: number) => ({
      description: `version ${n}`,
      inputSchema: object({}),
      workflow: { nodes: [{ id: 't', type: 'transform', data: { config: { expression: `${n}` } } }] },
    });
    for (const n of [1, 2, 3]) await save(server, 'versions', version(n));
    const called = async (credential: string) => {
      const client = await connect(server, 'modern', { key: credential });
      const { description } = (await client.listTools()).tools.find(({ name }) => name === 'versions')!;
      const result: CallToolResult = await client.callTool({ name: 'versions', arguments: {} });
      await client.close();
      return [description, textOf(result)];
    };
    expect(await called(key)).toEqual(['version 3', '3']);
    await server.call('PUT', '/api/workflows/demo/versions/aliases/production', { version: 2 });
    expect(await called(key)).toEqual(['version 2', '2']);
    expect(await called(await keyOf(server, { workflows: ['versions@1', 'versions@3'] }))).toEqual([
      'version 1',
      '1',
    ]);
    expect(await called(await keyOf(server, { workflows: ['versions@1', 'versions@production'] }))).toEqual([
      'version 2',
      '2',
    ]);
    await server.call('DELETE', '/api/workflows/demo/versions');
  });

  it('come in pages', async () => {
    const paged = await keyOf(server, { projects: ['pages'] });
    await Promise.all(
      Array.from({ length: 101 }, (_unused, index) =>
        save(server, `tool-${String(index).padStart(3, '0')}`, TOOLS.add, 'pages'),
      ),
    );
    const client = await connect(server, 'modern', { key: paged });
    const names: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await client.listTools(cursor === undefined ? undefined : { cursor });
      names.push(...page.tools.map(({ name }) => name));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(new Set(names).size).toBe(101);
    await expect(client.listTools({ cursor: 'x' })).rejects.toMatchObject({
      code: -32_602,
      data: { code: 'validation_failed' },
    });
    await client.close();
  });
});

describe('docs/protocols/mcp-server.md', () => {
  it('has commands and code that work as they are written', async () => {
    const page = await readFile('docs/protocols/mcp-server.md', 'utf8');
    const blocks = (language: string) =>
      [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, code]) =>
        code!.replaceAll('http://127.0.0.1:3000', server.url),
      );
    const env = { PATH: process.env['PATH'], KEY: ADMIN_KEY, CLOUTAGENT_API_KEY: ADMIN_KEY };
    const run = promisify(execFile);
    const printed: string[] = [];
    for (const command of blocks('sh')) printed.push((await run('sh', ['-c', command], { env })).stdout);
    expect(printed[0]).toContain('"version":1');
    expect(printed[1]).toContain('You asked');
    expect(JSON.parse(printed[2]!)).toMatchObject({ workflows: ['explain'] });
    const [code, ...others] = blocks('ts');
    expect(others).toEqual([]);
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module-typescript', '-e', code!], {
      env,
    });
    expect(stdout).toMatch(/You asked.*[0-9a-f-]{36}\n$/s);
    expect(stderr).toContain('answer: completed');
    for (const config of blocks('json')) expect(JSON.parse(config)).toHaveProperty('mcpServers.cloutagent');
    await server.call('DELETE', '/api/workflows/demo/explain');
  });
});
