import { RecordingServer } from '../../../test/support/recording-server.js';
import { ScriptedStream } from '../../../test/support/scripted-stream.js';
import { CloutAgentAdmin } from './admin.js';
import { CloutAgent } from './client.js';

const workflow = {
  nodes: [{ id: 'a', type: 'transform', data: { config: { expression: '1' } } }],
  edges: [],
};
type Call = (admin: CloutAgentAdmin) => Promise<unknown>;
/** Each call with the request that it sends. */
const CALLS: [string, Call, unknown?][] = [
  [
    'GET /api/workflows?projectId=demo&tag=a&limit=5',
    ({ workflows }) => workflows.list({ projectId: 'demo', tag: 'a', limit: 5 }),
  ],
  ['GET /api/workflows/demo/compare', ({ workflows }) => workflows.get('demo', 'compare')],
  [
    'GET /api/workflows/demo/compare?version=production',
    ({ workflows }) => workflows.get('demo', 'compare', { version: 'production' }),
  ],
  [
    'PUT /api/workflows/demo/compare',
    ({ workflows }) => workflows.save('demo', 'compare', { workflow }),
    { workflow },
  ],
  [
    'GET /api/workflows/demo/compare/versions?cursor=c',
    ({ workflows }) => workflows.versions('demo', 'compare', { cursor: 'c' }),
  ],
  [
    'DELETE /api/workflows/demo/compare/versions/2',
    ({ workflows }) => workflows.deleteVersion('demo', 'compare', 2),
  ],
  [
    'GET /api/workflows/demo/compare/diff?from=1&to=2',
    ({ workflows }) => workflows.diff('demo', 'compare', { from: 1, to: 2 }),
  ],
  ['DELETE /api/workflows/demo/compare', ({ workflows }) => workflows.delete('demo', 'compare')],
  [
    'PUT /api/workflows/demo/compare/aliases/production',
    ({ workflows }) => workflows.setAlias('demo', 'compare', 'production', 3),
    { version: 3 },
  ],
  [
    'DELETE /api/workflows/demo/compare/aliases/production',
    ({ workflows }) => workflows.deleteAlias('demo', 'compare', 'production'),
  ],
  ['GET /api/secrets?projectId=demo', ({ secrets }) => secrets.list('demo')],
  ['GET /api/secrets/demo/TOKEN', ({ secrets }) => secrets.get('demo', 'TOKEN')],
  [
    'PUT /api/secrets/demo/TOKEN',
    ({ secrets }) => secrets.set('demo', 'TOKEN', { value: 'long enough' }),
    { value: 'long enough' },
  ],
  ['DELETE /api/secrets/demo/TOKEN', ({ secrets }) => secrets.delete('demo', 'TOKEN')],
  ['GET /api/variables?projectId=demo', ({ variables }) => variables.list('demo')],
  ['GET /api/variables/demo/REGION', ({ variables }) => variables.get('demo', 'REGION')],
  [
    'PUT /api/variables/demo/REGION',
    ({ variables }) => variables.set('demo', 'REGION', null),
    { value: null },
  ],
  ['DELETE /api/variables/demo/REGION', ({ variables }) => variables.delete('demo', 'REGION')],
  ['GET /api/webhooks?projectId=demo', ({ webhooks }) => webhooks.list('demo')],
  ['GET /api/webhooks/demo/billing', ({ webhooks }) => webhooks.get('demo', 'billing')],
  [
    'PUT /api/webhooks/demo/billing',
    ({ webhooks }) =>
      webhooks.set('demo', 'billing', { url: 'https://a.example', events: ['execution:completed'] }),
    { url: 'https://a.example', events: ['execution:completed'] },
  ],
  ['DELETE /api/webhooks/demo/billing', ({ webhooks }) => webhooks.delete('demo', 'billing')],
  [
    'POST /api/webhooks/demo/billing/rotate-secret',
    ({ webhooks }) => webhooks.rotateSecret('demo', 'billing', { keepOldForMs: 0 }),
    { keepOldForMs: 0 },
  ],
  [
    'GET /api/webhooks/demo/billing/deliveries?status=dead',
    ({ webhooks }) => webhooks.deliveries('demo', 'billing', { status: 'dead' }),
  ],
  [
    'GET /api/webhooks/demo/billing/deliveries/d',
    ({ webhooks }) => webhooks.delivery('demo', 'billing', 'd'),
  ],
  [
    'POST /api/webhooks/demo/billing/replay',
    ({ webhooks }) => webhooks.replay('demo', 'billing', { executionId: 'x' }),
    { executionId: 'x' },
  ],
  ['GET /api/schedules?projectId=demo', ({ schedules }) => schedules.list('demo')],
  ['GET /api/schedules/demo/nightly', ({ schedules }) => schedules.get('demo', 'nightly')],
  [
    'PUT /api/schedules/demo/nightly',
    ({ schedules }) => schedules.set('demo', 'nightly', { workflowRef: 'compare', cron: '0 2 * * *' }),
    { workflowRef: 'compare', cron: '0 2 * * *' },
  ],
  ['POST /api/schedules/demo/nightly/run', ({ schedules }) => schedules.run('demo', 'nightly')],
  ['DELETE /api/schedules/demo/nightly', ({ schedules }) => schedules.delete('demo', 'nightly')],
  ['GET /api/triggers?projectId=demo', ({ triggers }) => triggers.list('demo')],
  ['GET /api/triggers/demo/github', ({ triggers }) => triggers.get('demo', 'github')],
  [
    'PUT /api/triggers/demo/github',
    ({ triggers }) =>
      triggers.set('demo', 'github', { workflowRef: 'review', source: 'github', secret: 'GITHUB' }),
    { workflowRef: 'review', source: 'github', secret: 'GITHUB' },
  ],
  ['DELETE /api/triggers/demo/github', ({ triggers }) => triggers.delete('demo', 'github')],
  [
    'POST /api/operations',
    ({ operations }) => operations.start({ action: 'cancel', filter: { projectId: 'demo' } }),
    { action: 'cancel', filter: { projectId: 'demo' } },
  ],
  ['GET /api/operations?projectId=demo', ({ operations }) => operations.list({ projectId: 'demo' })],
  ['GET /api/operations/o', ({ operations }) => operations.get('o')],
  ['GET /api/projects/demo/stats?interval=day', (admin) => admin.stats('demo', { interval: 'day' })],
];

describe('CloutAgentAdmin', () => {
  let server: RecordingServer;
  beforeAll(async () => (server = await RecordingServer.start(200, { ok: true })));
  afterAll(() => server.close());

  // Jest takes a parameter for which a row has no value for a callback, so the rows are objects.
  const rows = CALLS.map(([expected, call, body]) => ({ expected, call, body }));
  it.each(rows)('sends $expected', async ({ expected, call, body }) => {
    server.requests.length = 0;
    expect(await call(new CloutAgentAdmin({ baseUrl: server.url }))).toEqual({ ok: true });
    const [{ method, url, body: sent } = { method: '', url: '', body: '' }] = server.requests;
    expect([`${method} ${url}`, sent]).toEqual([expected, body]);
  });

  it('encodes names, so that none can reach another path', async () => {
    server.requests.length = 0;
    const admin = new CloutAgentAdmin({ baseUrl: server.url });
    await admin.secrets.delete('a/b', '../x?y');
    await admin.workflows.get('demo', 'team:compare');
    expect(server.requests.map(({ url }) => url)).toEqual([
      '/api/secrets/a%2Fb/..%2Fx%3Fy',
      '/api/workflows/demo/team%3Acompare',
    ]);
  });

  it('sends the preconditions of a save, and the keys of starts', async () => {
    const scripted = await ScriptedStream.start({
      headers: { 'content-type': 'application/json' },
      chunks: ['{}'],
    });
    const admin = new CloutAgentAdmin({ baseUrl: scripted.url });
    await admin.workflows.save('demo', 'compare', { workflow }, { ifMatch: 3 });
    await admin.workflows.save('demo', 'compare', { workflow }, { ifMatch: 'none' });
    await admin.workflows.save('demo', 'compare', { workflow });
    await admin.schedules.run('demo', 'nightly', { idempotencyKey: 'a' });
    await admin.operations.start({ action: 'rerun', filter: { projectId: 'demo' } }, { idempotencyKey: 'b' });
    const [matched, created, free, run, operation] = scripted.requests.map(({ headers }) => headers);
    expect(matched).toMatchObject({ 'if-match': '"3"' });
    expect(created).toMatchObject({ 'if-none-match': '*' });
    expect([free!['if-match'], free!['if-none-match']]).toEqual([undefined, undefined]);
    expect([run!['idempotency-key'], operation!['idempotency-key']]).toEqual(['a', 'b']);
    await scripted.close();
  });

  it('shares the credential of a client', async () => {
    let asked = 0;
    const scripted = await ScriptedStream.start({
      headers: { 'content-type': 'application/json' },
      chunks: ['{}'],
    });
    const client = new CloutAgent({ baseUrl: scripted.url, token: () => `token-${(asked += 1)}` });
    await client.me();
    await new CloutAgentAdmin(client).secrets.list('demo');
    expect(scripted.requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer token-1',
      'Bearer token-1',
    ]);
    await scripted.close();
  });

  it('refuses options that are not valid', () => {
    expect(() => new CloutAgentAdmin({ baseUrl: 'ftp://x' })).toThrow('is not valid');
  });
});
