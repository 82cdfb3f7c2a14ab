import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EndedCommand, runCommand } from './support/cli.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, start } from './support/watch.js';

const workflowOf = (expression: string) => ({
  nodes: [{ id: 'a', type: 'transform', data: { config: { expression } } }],
  edges: [],
});

describe('the cloutagent command: what a project has', () => {
  let server: Server;
  let folder: string;
  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      MODEL_PRICES: JSON.stringify({ 'demo/echo': { input: 3, output: 15 } }),
      OPERATION_POLL_INTERVAL_MS: '50',
      SECRETS_KEY: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    });
    folder = await mkdtemp(join(tmpdir(), 'cloutagent-cli-'));
  });
  afterAll(async () => {
    await server?.kill('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  });

  const run = (args: string[], stdin = ''): Promise<EndedCommand> =>
    runCommand(args, {
      cwd: folder,
      env: { CLOUTAGENT_URL: server.url, CLOUTAGENT_API_KEY: ADMIN_KEY },
      stdin,
    });
  /** Runs a command that must succeed, and returns what it has printed. */
  const output = async (args: string[], stdin?: string): Promise<string> => {
    const ended = await run(args, stdin);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    return ended.stdout.trim();
  };
  const json = async (args: string[], stdin?: string): Promise<Record<string, unknown>> =>
    JSON.parse(await output([...args, '--json'], stdin)) as Record<string, unknown>;
  const file = async (name: string, content: object): Promise<string> => {
    await writeFile(join(folder, name), JSON.stringify(content));
    return name;
  };

  it('saves, lists, compares and runs workflows by an alias', async () => {
    expect(
      await output(['workflows', 'save', 'greet', await file('a.json', workflowOf('"hi " & input'))]),
    ).toBe('greet@1');
    expect(await output(['workflows', 'alias', 'greet', 'production', '1'])).toBe(
      'greet@production is version 1',
    );
    await file('b.json', { projectId: 'x', workflow: workflowOf('"bye " & input'), input: 1 });
    expect(await output(['workflows', 'save', 'greet', 'b.json', '--if-match', '1', '-d', 'Greets.'])).toBe(
      'greet@2',
    );
    const late = await run(['workflows', 'save', 'greet', 'a.json', '--if-match', '1', '--json']);
    expect([late.code, JSON.parse(late.stderr)]).toMatchObject([4, { error: { status: 412 } }]);
    expect((await run(['workflows', 'save', 'greet', 'a.json', '--new'])).code).toBe(4);

    expect(await output(['workflows', 'list'])).toMatch(/^greet +2 +production=1 .* Greets\.$/m);
    expect(await output(['workflows', 'versions', 'greet'])).toMatch(/^2 .*\n1 /m);
    expect(await output(['workflows', 'diff', 'greet', '1', '2'])).toContain('  + "\\"bye \\" & input"');
    const saved = await json(['workflows', 'get', 'greet@production']);
    expect(saved).toMatchObject({ version: 1 });
    // What `get` prints can be saved again.
    await file('c.json', saved);
    expect(await output(['workflows', 'save', 'copy', 'c.json'])).toBe('copy@1');

    const watched = await run(['run', 'greet@production', '-i', 'Ada', '--watch']);
    expect([watched.code, watched.stdout]).toEqual([0, expect.stringContaining('hi Ada')]);
    // A file wins over a saved workflow of the same name, unless the option says otherwise.
    await writeFile(join(folder, 'greet'), JSON.stringify(workflowOf('"of the file"')));
    expect((await run(['run', 'greet', '--watch'])).stdout).toContain('of the file');
    expect((await run(['run', 'greet', '--ref', '-i', 'Bo', '--watch'])).stdout).toContain('bye Bo');
    expect((await run(['run', 'no-such.json'])).stderr).toContain('cannot be read');
    expect(await output(['list', '--workflow', 'greet@1', '--json'])).toContain('"version": 1');

    expect(await output(['workflows', 'alias', 'greet', 'production', '--delete'])).toBe('deleted');
    expect((await run(['workflows', 'alias', 'greet', 'production'])).code).toBe(2);
    expect(await output(['workflows', 'delete', 'greet'])).toBe('The workflow greet is deleted.');
    expect((await run(['workflows', 'get', 'greet'])).code).toBe(4);
  });

  it('lets the server check a file, and deletes an execution', async () => {
    const good = await file('good.json', workflowOf('1'));
    expect(await output(['validate', good, '--server'])).toBe('good.json is valid.');
    const wrong = await run(['validate', await file('wrong.json', workflowOf('(')), '--server']);
    expect([wrong.code, wrong.stdout]).toEqual([1, expect.stringContaining('expression')]);
    const ended = await run(['run', good, '--watch']);
    const id = /Execution (\S+)/.exec(ended.stderr)![1]!;
    expect(await json(['executions', 'delete', id])).toEqual({ deleted: 1, reruns: [] });
    expect((await run(['show', id])).code).toBe(4);
  });

  it('reads secrets from stdin alone, and prints no value of one', async () => {
    expect(await output(['secrets', 'set', 'TOKEN', '-a', 'api.example.com'], 'the secret value\n')).toBe(
      'The secret TOKEN is set.',
    );
    const shown = [
      await output(['secrets', 'list']),
      await output(['secrets', 'get', 'TOKEN']),
      await output(['secrets', 'list', '--json']),
    ].join('\n');
    expect(shown).toContain('api.example.com');
    expect(shown).not.toContain('the secret value');
    // A new value keeps the hosts: without them, the secret could be sent anywhere.
    expect(await json(['secrets', 'set', 'TOKEN'], 'the next secret value')).toMatchObject({
      allowedHosts: ['api.example.com'],
    });
    expect(await json(['secrets', 'set', 'TOKEN', '-a', '*'], 'the last secret value')).toMatchObject({
      allowedHosts: null,
    });
    const empty = await run(['secrets', 'set', 'TOKEN']);
    expect([empty.code, empty.stderr]).toEqual([2, expect.stringContaining('The value is empty')]);
    // An argument would be visible to other users of the machine.
    expect((await run(['secrets', 'set', 'TOKEN', 'the secret value'])).code).toBe(2);
    const short = await run(['secrets', 'set', 'TOKEN'], 'short');
    expect([short.code, short.stderr]).toEqual([4, expect.stringContaining('8 characters')]);
    expect(short.stderr).not.toContain('short\n');
    await output(['variables', 'set', 'LIMITS', '{"max":3}']);
    expect(await output(['variables', 'list'])).toMatch(/^LIMITS .* \{"max":3\}$/m);
    expect(await json(['variables', 'get', 'LIMITS'])).toMatchObject({ value: { max: 3 } });
    expect(await json(['variables', 'delete', 'LIMITS'])).toEqual({ name: 'LIMITS', deleted: true });
    expect(await output(['secrets', 'delete', 'TOKEN'])).toBe('The secret TOKEN is deleted.');
  });

  it('makes webhooks, prints a signing secret once, replays and deletes', async () => {
    const set = ['webhooks', 'set', 'billing', 'http://127.0.0.1:9/hook', '-e', 'execution:completed'];
    const made = await run([...set, '--paused', '--tag', 'paid']);
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^whsec_\S+\n$/) as string });
    expect(made.stderr).toContain('shown only this time');
    expect(await output(['webhooks', 'list'])).toMatch(/^billing +paused +0 +0 +execution:completed +http/m);
    expect(await output(['webhooks', 'deliveries', 'billing'])).toMatch(/^DELIVERY/);
    // A paused webhook delivers nothing again.
    expect((await run(['webhooks', 'replay', 'billing', '--from', '2020-01-01T00:00:00Z'])).code).toBe(4);
    expect((await run([...set, '--tag', 'paid'])).code).toBe(0);
    expect(await json(['webhooks', 'replay', 'billing', '--from', '2020-01-01T00:00:00Z'])).toMatchObject({
      executions: expect.any(Number) as number,
    });
    expect((await run(['webhooks', 'replay', 'billing'])).code).toBe(4);
    expect((await run(['webhooks', 'rotate-secret', 'billing'])).stdout).toMatch(/^whsec_/);
    expect(await json(['webhooks', 'get', 'billing'])).toMatchObject({ signingSecrets: 2, tag: 'paid' });
    await output(['webhooks', 'delete', 'billing']);
  });

  it('makes schedules and triggers, and runs a schedule now', async () => {
    await output(['workflows', 'save', 'nightly', await file('n.json', workflowOf('input.day'))]);
    const cron = ['--cron', '30 2 * * *', '--time-zone', 'Europe/Berlin', '-i', '{"day":"today"}'];
    expect(await output(['schedules', 'set', 'nightly', '--workflow', 'nightly', ...cron])).toMatch(
      /^The schedule nightly starts next at 20\d\d-/,
    );
    expect(await output(['schedules', 'list'])).toMatch(/^nightly +enabled +30 2 \* \* \* +Europe\/Berlin/m);
    const watched = await run(['schedules', 'run', 'nightly', '--watch']);
    expect([watched.code, watched.stdout]).toEqual([0, expect.stringContaining('today')]);
    await output(['secrets', 'set', 'GITHUB'], 'shared with github');
    const trigger = ['--workflow', 'nightly', '--source', 'github', '--secret', 'GITHUB'];
    expect(await output(['triggers', 'set', 'push', ...trigger])).toMatch(/\/api\/hooks\/default\/push$/);
    expect(await output(['triggers', 'list'])).toMatch(/^push +enabled +github +nightly/m);
    expect((await run(['triggers', 'set', 'push', ...trigger.slice(0, 2)])).code).toBe(2);
    await output(['triggers', 'delete', 'push']);
    await output(['schedules', 'delete', 'nightly']);
  });

  const IN_A_MONTH = new Date(Date.now() + 30 * 86_400_000).toISOString();
  const requestOf = (projectId: string, expression: string, more: object = {}) => ({
    projectId,
    workflow: workflowOf(expression),
    ...more,
  });

  it('starts a batch, and names what cannot start', async () => {
    const good = requestOf('batch', '1', { idempotencyKey: 'one' });
    const list = await file('list.json', [good, requestOf('batch', '2')]);
    expect(await output(['batch', list])).toMatch(/^INDEX .*\n0 +202 +[\da-f-]{36}\n1 +202 +[\da-f-]{36}$/);
    // The item with a key is started once.
    expect(await output(['batch', '-'], JSON.stringify({ executions: [good] }))).toMatch(
      /^0 +202 +[\da-f-]{36} \(started before\)$/m,
    );
    const mixed = await file('mixed.json', {
      executions: [requestOf('batch', '3'), requestOf('batch', '(')],
    });
    const ended = await run(['batch', mixed]);
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(ended.stdout).toMatch(/^0 +202 .*\n1 +400 .*workflow\.nodes\.0\.\S+: /m);
    const inJson = await run(['batch', mixed, '--json']);
    expect([inJson.code, JSON.parse(inJson.stdout)]).toMatchObject([1, { started: 1, failed: 1 }]);
    expect(await json(['list', '-p', 'batch'])).toMatchObject({ executions: { length: 4 } });

    const noList = await run(['batch', await file('no-list.json', workflowOf('1'))]);
    expect([noList.code, noList.stderr]).toEqual([2, expect.stringContaining('{ "executions": [ … ] }')]);
    const empty = await run(['batch', await file('empty.json', [])]);
    expect([empty.code, empty.stderr]).toEqual([4, expect.stringContaining('at least one execution')]);
    expect((await run(['batch', 'no-such.json'])).stderr).toContain('cannot be read');
  });

  it('cancels many executions and runs many again', async () => {
    const queued = { startAt: IN_A_MONTH };
    await json(
      ['batch', '-'],
      JSON.stringify([
        requestOf('bulk', '1', { ...queued, tags: ['blue'] }),
        requestOf('bulk', '2', { ...queued, tags: ['blue'] }),
        requestOf('bulk', '3', { ...queued, tags: ['red'] }),
      ]),
    );
    const inBulk = ['-p', 'bulk'];
    const filters = ['-s', 'queued,running', '-t', 'blue', '--created-after', '2020-01-01T00:00:00Z'];
    const watched = await run(['operations', 'cancel', ...inBulk, ...filters, '-r', 'Too many.', '--watch']);
    expect([watched.code, watched.stdout]).toEqual([0, 'completed: 2 succeeded, 0 failed\n']);
    const id = /^Operation (\S+)\n$/.exec(watched.stderr)![1]!;
    expect(await json(['list', ...inBulk, '-s', 'cancelled'])).toMatchObject({ executions: { length: 2 } });
    expect(await json(['operations', 'show', id])).toMatchObject({
      action: 'cancel',
      filter: { projectId: 'bulk', status: ['queued', 'running'], tag: 'blue' },
    });
    expect(await output(['operations', 'show', id])).toMatch(/^status +completed$/m);

    // The execution that is still queued cannot run again.
    const again = ['operations', 'rerun', ...inBulk, '--created-before', IN_A_MONTH];
    const rerun = await run([...again, '--watch', '--idempotency-key', 'again']);
    expect([rerun.code, rerun.stdout]).toEqual([
      1,
      expect.stringMatching(/^completed: 2 succeeded, 1 failed\nEXECUTION .*\n\S+ +execution_not_ended /),
    ]);
    const sameId = await output([...again, '--idempotency-key', 'again']);
    expect(rerun.stderr).toBe(`Operation ${sameId}\n`);
    expect(await json([...again, '--workflow', 'other', '--watch'])).toMatchObject({
      status: 'completed',
      total: 0,
    });

    expect(await output(['operations', 'list', ...inBulk])).toMatch(
      /^\S+ +rerun +completed +bulk +0 .*\n\S+ +rerun +completed +bulk +3 +2 +1 .*\n\S+ +cancel +completed +bulk +2 +2 +0 /m,
    );
    const page = await run(['operations', 'list', ...inBulk, '-n', '2', '--json']);
    const { nextCursor } = JSON.parse(page.stdout) as { nextCursor: string };
    expect(await json(['operations', 'list', ...inBulk, '--cursor', nextCursor])).toMatchObject({
      operations: [{ id }],
    });
    expect((await run(['operations', 'list', ...inBulk, '-n', '1'])).stderr).toMatch(
      /^More: --cursor \S+\n$/,
    );

    // An operation on a whole project names it.
    expect((await run(['operations', 'cancel'])).code).toBe(2);
    const wrong = await run(['operations', 'cancel', ...inBulk, '-s', 'lost']);
    expect([wrong.code, wrong.stderr]).toEqual([4, expect.stringContaining('filter.status.0')]);
  });

  it('shows the figures of a project', async () => {
    const spoken = await file('agent.json', start([agent('a')], [], { projectId: 'figures' }));
    expect((await run(['run', spoken, '--watch'])).code).toBe(0);
    const failing = await file('failing.json', requestOf('figures', '$error("no")'));
    expect((await run(['run', failing, '--watch'])).code).toBe(1);
    const inFigures = ['-p', 'figures'];
    const shown = await output(['stats', ...inFigures, '--interval', 'day']);
    expect(shown).toMatch(/^20\d\d-\d\d-\d\d 00:00 +\d+ +\d+ +\d+ .*\ntotal +2 +1 +1 +0 .* \$0\.00[1-9]\d$/m);
    expect(shown).toMatch(/^MODEL .*\ndemo\/echo +\d+ +\d+ +\$0\.00[1-9]\d$/m);
    expect(await json(['stats', ...inFigures])).toMatchObject({
      interval: 'hour',
      total: { executions: { completed: 1, failed: 1 } },
    });
    const past = ['--from', '2020-01-01T00:00:00Z', '--to', '2020-01-02T00:00:00Z'];
    expect(await json(['stats', ...inFigures, ...past])).toMatchObject({
      total: { executions: {} },
      buckets: [],
    });
    expect(await output(['stats', ...inFigures, ...past])).toMatch(/^FROM .*\ntotal +0 +0 +0 +0 .*$/);
    expect((await run(['stats', '--interval', 'week'])).code).toBe(2);
    expect((await run(['stats', '--from', 'yesterday'])).code).toBe(4);
  });

  it('shows the credential', async () => {
    const me = await json(['me']);
    expect(me).toMatchObject({ id: expect.stringMatching(/^key:/) as string, projects: ['*'] });
    expect(await output(['me'])).toMatch(
      new RegExp(String.raw`^id +${String(me['id'])}\n(.*\n)*projects +\["\*"\]`),
    );
  });
});
