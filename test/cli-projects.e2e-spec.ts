import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EndedCommand, runCommand } from './support/cli.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';

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
});
