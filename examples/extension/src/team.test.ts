import type { CloutAgentError } from '@cloutagent/client';
import type { Json, WorkflowNode } from '@cloutagent/contract';
import { startTestServer } from '@cloutagent/server/testing';
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { Failures } from './failures.listener.js';
import { Receiver } from './receiver.js';
import { TeamModule } from './team.module.js';

/** A streamed answer of the OpenAI chat completions API. */
const COMPLETION = [
  { choices: [{ index: 0, delta: { role: 'assistant', content: 'Hello' } }] },
  {
    choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
    usage: { prompt_tokens: 3, completion_tokens: 1 },
  },
].map((chunk) => `data: ${JSON.stringify({ id: 'c1', created: 1, model: 'small', ...chunk })}\n\n`);

const webhook = await Receiver.start((_request, index) => ({ status: index === 0 ? 503 : 204 }));
const gateway = await Receiver.start(() => ({
  status: 200,
  type: 'text/event-stream',
  text: `${COMPLETION.join('')}data: [DONE]\n\n`,
}));
process.env['TEAM_WEBHOOK_URL'] = webhook.url;
process.env['TEAM_GATEWAY_URL'] = gateway.url;
const server = await startTestServer({ imports: [TeamModule] });
after(() => server.stop());

/** Runs a workflow of one node. */
async function run(type: string, config: Record<string, Json>, input: Json = null) {
  const nodes: WorkflowNode[] = [{ id: 'a', type, data: { config } }];
  const { id } = await server.client.executions.start({ projectId: 'demo', input, workflow: { nodes } });
  return server.client.executions.waitForEnd(id);
}
const get = (path: string, headers: Record<string, string>) =>
  fetch(`${server.url}/api/${path}`, { headers });
const bearer = async (scopes: string[]) => {
  const { key } = await server.client.keys.create({ name: 'test', projects: ['demo'], scopes });
  return { Authorization: `Bearer ${key}` };
};

it('finds a customer, and hides the card number', async () => {
  const { output } = await run('find-customer', { email: '{{input}}' }, 'ada@example.com');
  assert.deepEqual(output, { email: 'ada@example.com', name: 'Ada Lovelace', card: '[card]' });
});

it('counts failures', async (t) => {
  const { error } = await run('find-customer', { email: 'nobody@example.com' });
  assert.equal(error?.code, 'customer_unknown');
  await t.waitFor(() => assert.equal(server.get(Failures).counts.get('customer_unknown'), 1));
});

it('posts the end of an execution to the webhook, again after a failure', async (t) => {
  const { id } = await run('delay', { ms: 1 });
  const received = () => webhook.requests.filter(({ body }) => body['executionId'] === id);
  await t.waitFor(() => assert.ok(received().length > 0), { timeout: 10_000 });
  const [{ body, headers } = assert.fail()] = received();
  assert.equal(body['type'], 'execution:completed');
  assert.equal(headers['idempotency-key'], `${id}:${String(body['sequence'])}`);
  // The first request of all tests was answered with 503.
  const keys = webhook.requests.map((request) => request.headers['idempotency-key']);
  assert.ok(keys.indexOf(keys[0]) < keys.lastIndexOf(keys[0]));
});

it('uses the models of the gateway', async () => {
  const { output, tokenUsage } = await run('agent', { model: 'gateway/small', prompt: 'Say hello.' });
  assert.equal(output, 'Hello');
  assert.equal(tokenUsage.total, 4);
  assert.equal(gateway.requests[0]?.headers.authorization, `Bearer ${process.env['TEAM_GATEWAY_KEY']}`);
  await assert.rejects(run('agent', { model: 'gateway/huge', prompt: 'x' }), (error: CloutAgentError) => {
    const [problem] = error.problem?.errors ?? [];
    return problem?.message === 'There is no model "gateway/huge": use gateway/small or gateway/large.';
  });
});

it('lets an agent search customers', async () => {
  const toolCall = { name: 'customers__search', args: { name: 'lovelace' } };
  const providerOptions = { demo: { text: 'done', delayMs: 0, toolCall } };
  const { id } = await run('agent', {
    model: 'demo/echo',
    prompt: 'Find Lovelace.',
    tools: ['customers/search'],
    providerOptions,
  });
  const { events } = await server.client.executions.events(id, { types: ['execution:tool-result'] });
  assert.deepEqual(events[0]?.result, [{ email: 'ada@example.com', name: 'Ada Lovelace' }]);
});

it('streams an execution as captions', async () => {
  const { id } = await run('agent', {
    model: 'demo/echo',
    prompt: 'x',
    providerOptions: { demo: { text: 'Hello', chunks: 1, delayMs: 0 } },
  });
  const response = await get(`executions/${id}/stream?format=captions`, await bearer(['executions:read']));
  const text = await response.text();
  assert.match(text, /^event: caption\ndata: \{"text":"Hello","characters":5\}$/m);
  assert.match(text, /^event: end\ndata: \{"characters":5\}$/m);
});

it('knows the owners of client certificates', async () => {
  const ann = { 'X-Client-Cert-Subject': 'CN=ann,O=Example' };
  const me = (await (await get('me', ann)).json()) as { id: string; projects: string[] };
  assert.deepEqual([me.id, me.projects], ['mtls:CN=ann,O=Example', ['demo']]);
  assert.equal((await get('me', { 'X-Client-Cert-Subject': 'CN=eve' })).status, 401);
  assert.equal((await get('customers/demo', ann)).status, 200);
});

it('shows customers to callers with the scope and the project', async () => {
  const reader = await bearer(['customers:read']);
  const response = await get('customers/demo', reader);
  assert.deepEqual(await response.json(), {
    customers: [{ email: 'ada@example.com', name: 'Ada Lovelace' }],
  });
  assert.equal((await get('customers/other', reader)).status, 404);
  assert.equal((await get('customers/demo', await bearer(['executions:read']))).status, 403);
  assert.equal((await get('customers/demo', {})).status, 401);
});
