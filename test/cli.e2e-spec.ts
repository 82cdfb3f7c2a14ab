import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ExecutionEvent } from '@cloutagent/contract';
import { ADMIN_KEY, createDatabase, createEmptyDatabase, Server } from './support/server.js';
import { agentEvents, interruptedAgent, noisePng } from './support/agent-journal.js';
import { WaitRows } from './support/wait-rows.js';
import { start } from './support/watch.js';

const CLI = resolve('dist/cli/main.js');
const UNKNOWN = '0199c0de-0000-7000-8000-000000000001';

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

describe('the cloutagent command', () => {
  let server: Server;
  let folder: string;
  let rows: WaitRows;
  beforeAll(async () => {
    const database = await createDatabase();
    server = await Server.start({ DATABASE_URL: database });
    rows = await WaitRows.open(database);
    folder = await mkdtemp(join(tmpdir(), 'cloutagent-cli-'));
  });
  afterAll(async () => {
    await rows?.close();
    await server.kill('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs the command in an empty folder, with nothing in its environment but what is given. */
  const run = (args: string[], { stdin = '', env = {}, onOutput }: Options = {}): Promise<Ended> => {
    const child = spawn(process.execPath, [CLI, ...args], {
      cwd: folder,
      env: { PATH: process.env['PATH'], CLOUTAGENT_URL: server.url, CLOUTAGENT_API_KEY: ADMIN_KEY, ...env },
    });
    const ended: Ended = { code: null, stdout: '', stderr: '' };
    child.stdout.on('data', (data: Buffer) => {
      ended.stdout += data.toString();
      onOutput?.(ended.stdout, (signal) => child.kill(signal));
    });
    child.stderr.on('data', (data: Buffer) => (ended.stderr += data.toString()));
    child.stdin.end(stdin);
    return new Promise((done) => child.once('close', (code) => done({ ...ended, code })));
  };
  interface Options {
    stdin?: string;
    env?: Record<string, string>;
    onOutput?: (stdout: string, kill: (signal: NodeJS.Signals) => void) => void;
  }
  const file = async (name: string, content: object): Promise<string> => {
    await writeFile(join(folder, name), JSON.stringify(content));
    return name;
  };
  const parsed = ({ stdout }: Ended): unknown => JSON.parse(stdout);

  it('runs an example of the package and shows it until its end', async () => {
    const { code, stdout, stderr } = await run(['run', 'examples/compare.json', '--watch', '-i', 'the CLI']);
    expect(stderr).toContain("This folder has no examples/compare.json: using the package's own example.");
    expect(stdout).toMatch(/^pros │ You asked: "For the CLI, name the strengths\."/m);
    expect(stdout).toMatch(/^verdict │ done · .* · 3 of 3 nodes · [\d,]+ tokens · \$0\.0000$/m);
    expect(stdout).toMatch(/^completed · .* tokens/m);
    // The output is not a terminal.
    expect(stdout).not.toContain('\u001b');
    expect(code).toBe(0);
  });

  it('prints one event a line for programs, from the first to the last', async () => {
    const ended = await run(['run', 'examples/compare.json', '--watch', '--json']);
    const events = ended.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ExecutionEvent);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    expect(events.at(-1)!.type).toBe('execution:completed');
    const again = await run([
      'watch',
      events[0]!.executionId,
      '--json',
      '--after',
      String(events.length - 2),
    ]);
    expect(
      again.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(events.slice(-2));
    expect((await run(['watch', events[0]!.executionId, '--after', String(events.length)])).code).toBe(0);
  });

  it('exits with 1 when the execution fails, with 3 when it is cancelled', async () => {
    const failing = start([{ id: 'a', type: 'transform', data: { config: { expression: '$error("no")' } } }]);
    const failed = await run(['run', await file('failing.json', failing), '--watch']);
    expect([failed.code, failed.stdout]).toEqual([1, expect.stringMatching(/^failed · /m)]);
    const waiting = await file('waiting.json', start([{ id: 'wait', type: 'approval' }]));
    const started = await run(['run', waiting]);
    const id = started.stdout.trim();
    const watched = run(['watch', id]);
    expect((await run(['cancel', id, '--reason', 'no need'])).code).toBe(0);
    expect(await watched).toMatchObject({ code: 3, stdout: expect.stringMatching(/^cancelled · no need$/m) });
  });

  it('stops watching with Ctrl-C, and the execution continues', async () => {
    const waiting = await file('waiting.json', start([{ id: 'wait', type: 'approval' }]));
    let id = '';
    const { code, stderr } = await run(['run', waiting, '--watch'], {
      onOutput: (stdout, kill) => {
        id = /cloutagent approve (\S+)/.exec(stdout)?.[1] ?? '';
        if (id) kill('SIGINT');
      },
    });
    expect([code, stderr]).toEqual([130, expect.stringContaining(`cloutagent watch ${id}`)]);
    expect(parsed(await run(['show', id, '--json']))).toMatchObject({ status: 'waiting' });
  });

  it('pauses, resumes, approves and shows', async () => {
    const id = (
      await run(['run', await file('a.json', start([{ id: 'wait', type: 'approval' }]))])
    ).stdout.trim();
    expect((await run(['pause', id])).stdout).toMatch(/^pause requested · status /);
    expect((await run(['resume', id])).code).toBe(0);
    const watched = run(['watch', id]);
    let answer: Ended;
    do answer = await run(['approve', id, '--comment', 'fine']);
    while (answer.stderr.includes('waiting'));
    expect(answer.code).toBe(0);
    expect((await watched).code).toBe(0);
    const { stdout } = await run(['show', id]);
    expect(stdout).toMatch(/^wait {2}approval {2}completed/m);
    expect(parsed(await run(['--json', 'show', id]))).toMatchObject({ output: { comment: 'fine' } });
  });

  it('shows the finished work of an agent that broke off, changed arguments, and an answer that was cut off', async () => {
    const id = await rows.execution({ status: 'completed', desiredState: 'run' });
    const data = noisePng(60, 60).toString('base64');
    await rows.record(id, interruptedAgent({ data, mimeType: 'image/png' }));
    const { code, stdout } = await run(['watch', id]);
    const lines = stdout.split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'researcher │ → crm/find({"name":"Ada"})',
        'researcher │ ← {"content":[{"type":"text","text":"Sales"},{"type":"image","data":"11 KB of image/png","mimeType":"image/png"}]}',
        'researcher │ The connection to the model broke. Attempt 2 begins in 10 ms; finished work is kept, the text after it is dropped.',
        'researcher │ agent continues its finished work, attempt 2',
        'researcher │ ← {"id":12} · called with changed arguments {"name":"Ada Lovelace"}',
        'researcher │ ✖ "A person denied this call: too risky"',
        'researcher │ the last answer was cut off: length',
      ]),
    );
    expect(stdout).not.toContain(data.slice(0, 40));
    expect(code).toBe(0);
    const shown = await run(['show', id]);
    expect(shown.stdout).toMatch(/researcher +agent +completed +2 .*the last answer was cut off: length/);
  });

  it('lists the calls of tools that need approval with their arguments, and approves one with others', async () => {
    const agent = agentEvents('researcher');
    const id = await rows.execution();
    const details = { toolName: 'crm/delete', toolArgs: { id: 7 }, message: 'May I?' };
    const waitId = await rows.wait(id, { kind: 'tool', nodeId: 'researcher', details, untilMs: 3_600_000 });
    await rows.record(id, [agent.step(1, 'running'), agent.call(1, 'c', 'crm/delete', { id: 7 })]);
    const list = await run(['waits', '--execution', id]);
    expect(list.stdout).toMatch(
      /tool .* researcher +\d{4}-\S+ \S+ +\d{4}-\S+ \S+ +approval of the tool crm\/delete\({"id":7}\)/,
    );
    const answer = [
      'answer',
      waitId,
      '--action',
      'approve',
      '--args',
      '{"id":8}',
      '--reason',
      'only this one',
    ];
    expect((await run(answer)).stdout).toBe('answered\n');
    expect((await rows.stored(waitId))['answer']).toEqual({
      action: 'approve',
      args: { id: 8 },
      reason: 'only this one',
    });
  });

  it('lists what an execution waits for, answers it, and shows which branch it takes', async () => {
    const schema = { type: 'object', properties: { amount: { type: 'number' } }, required: ['amount'] };
    const constant = (id: string) => ({ id, type: 'transform', data: { config: { expression: `"${id}"` } } });
    const request = start([
      { id: 'ask', type: 'approval', data: { config: { message: 'Pay?', schema } } },
      constant('large'),
      constant('small'),
    ]);
    const edges = [
      { source: 'ask', target: 'large', when: 'nodes.ask.output.values.amount > 100' },
      { id: 'rest', source: 'ask', target: 'small', otherwise: true },
    ];
    const path = await file('ask.json', { ...request, workflow: { ...request.workflow, edges } });
    const id = (await run(['run', path])).stdout.trim();
    const watched = run(['watch', id]);
    let waits: { waits: { waitId: string; kind: string }[] };
    do waits = parsed(await run(['waits', '-e', id, '--json'])) as typeof waits;
    while (waits.waits.length === 0);
    const { waitId } = waits.waits[0]!;
    expect((await run(['waits', '--kind', 'approval,signal', '-e', id])).stdout).toMatch(
      new RegExp(`^WAIT .*\n${waitId} +approval +${id} +ask .* Pay\\?\n$`),
    );
    expect((await run(['show', id])).stdout).toMatch(new RegExp(`^${waitId} +approval +ask +Pay\\?$`, 'm'));
    const refused = await run(['answer', waitId, '--approve', '--values', '{"amount":"much"}']);
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringMatching(/^ {2}values\.amount: /m)]);
    const answered = await run(['answer', waitId, '--approve', '--values', '{"amount":50}', '-c', 'ok']);
    expect([answered.code, answered.stdout]).toEqual([0, 'answered\n']);
    const { code, stdout } = await watched;
    expect(code).toBe(0);
    expect(stdout).toMatch(
      new RegExp(`^ask │ waits for Pay\\? · cloutagent answer ${waitId} --approve`, 'm'),
    );
    expect(stdout).toMatch(/^ask │ answered · by key:/m);
    expect(stdout).toMatch(/^ask │ continues$/m);
    expect(stdout).toMatch(/^ask │ takes rest · not edges\[0\]$/m);
    expect(stdout).toMatch(/^large │ skipped$/m);
    const again = await run(['answer', waitId, '--reject']);
    expect([again.code, again.stderr]).toEqual([4, expect.stringContaining('already')]);
  });

  it('sends a signal, also before it is waited for', async () => {
    const nodes = [{ id: 'paid', type: 'wait', data: { config: { signal: 'payment' } } }];
    const id = (await run(['run', await file('paid.json', start(nodes))])).stdout.trim();
    expect(await run(['signal', id, 'payment', '{"paid":true}'])).toMatchObject({
      code: 0,
      stdout: 'sent\n',
    });
    expect((await run(['watch', id])).code).toBe(0);
    expect(parsed(await run(['show', id, '--json']))).toMatchObject({ output: { paid: true } });
    const late = await run(['signal', id, 'payment', '--json']);
    expect([late.code, JSON.parse(late.stderr)]).toMatchObject([4, { error: { code: 'execution_over' } }]);
  });

  it('runs a failed execution again from its failed node, with a corrected workflow', async () => {
    const transform = (id: string, expression: string) => ({
      id,
      type: 'transform',
      data: { config: { expression } },
    });
    const first = transform('first', '"kept"');
    const failing = start([first, transform('second', '$error("no")')], [['first', 'second']]);
    const failed = await run(['run', await file('failing.json', failing), '--watch']);
    const id = /Execution (\S+)/.exec(failed.stderr)![1]!;
    const fixed = start([first, transform('second', 'nodes.first.output')], [['first', 'second']]);
    const workflow = await file('fixed.json', fixed);
    const again = await run(['rerun', id, '--workflow', workflow, '--watch']);
    expect(again.stdout).toMatch(new RegExp(`^first │ kept from ${id}`, 'm'));
    expect([again.code, again.stdout]).toEqual([0, expect.stringMatching(/^second │ transform started$/m)]);
    const rerun = /Execution (\S+)/.exec(again.stderr)![1]!;
    expect(parsed(await run(['list', '--rerun-of', id, '--json']))).toMatchObject({
      executions: [{ id: rerun, rerunOf: id }],
    });
    expect((await run(['show', rerun])).stdout).toContain(`re-run of ${id}`);
  });

  it('reads a workflow and an input from stdin and from files', async () => {
    const nodes = [{ id: 'a', type: 'transform', data: { config: { expression: 'input' } } }];
    const bare = await run(['run', '-', '--watch', '--project', 'p', '-i', '{"a":1}'], {
      stdin: JSON.stringify({ nodes }),
    });
    expect([bare.code, bare.stdout]).toEqual([0, expect.stringContaining('"a": 1')]);
    await file('input.json', { b: 2 });
    const fromFile = await run(['run', await file('bare.json', { nodes }), '-w', '-i', '@input.json']);
    expect(fromFile.stdout).toContain('"b": 2');
    const fromStdin = await run(['run', 'bare.json', '-w', '-i', '-'], { stdin: 'just text' });
    expect(fromStdin.stdout).toMatch(/^just text$/m);
  });

  it('lists executions and continues a list', async () => {
    const first = await run(['list', '--limit', '1']);
    expect(first.stdout).toMatch(/^ID +STATUS +PROJECT/);
    const cursor = /--cursor (\S+)/.exec(first.stderr)![1]!;
    const second = parsed(await run(['list', '-n', '1', '--cursor', cursor, '--json']));
    expect(second).toMatchObject({ executions: [{ projectId: expect.any(String) as string }] });
  });

  it('creates, lists and revokes keys', async () => {
    const created = await run(['keys', 'create', '-n', 'ci', '-p', 'demo', '-s', 'executions:read']);
    const key = created.stdout.trim();
    const id = /Key (\S+)\./.exec(created.stderr)![1]!;
    expect((await run(['list', '--project', 'demo'], { env: { CLOUTAGENT_API_KEY: key } })).code).toBe(0);
    expect((await run(['keys', 'list'])).stdout).toMatch(/ci .*executions:read/);
    expect((await run(['keys', 'revoke', id])).code).toBe(0);
    expect((await run(['list'], { env: { CLOUTAGENT_API_KEY: key } })).code).toBe(4);
  });

  it('creates a key that is limited to saved workflows', async () => {
    const scopes = ['-s', 'executions:read,executions:write', '--workflows', 'a@production,b'];
    const key = parsed(await run(['keys', 'create', '-n', 'page', '-p', 'demo', ...scopes, '--json']));
    expect(key).toMatchObject({ workflows: ['a@production', 'b'] });
  });

  it('shows the help of a command of a group', async () => {
    const { code, stdout } = await run(['help', 'keys', 'create']);
    expect([code, stdout]).toEqual([0, expect.stringContaining('cloutagent keys create [options]')]);
  });

  it('checks a workflow without a server', async () => {
    const env = { CLOUTAGENT_URL: 'http://127.0.0.1:1', CLOUTAGENT_API_KEY: '' };
    expect(await run(['validate', 'examples/data.json'], { env })).toMatchObject({ code: 0 });
    const wrong = await file('wrong.json', start([{ id: 'a', type: 'agnt' }]));
    const { code, stdout } = await run(['validate', wrong, '--json'], { env });
    expect([code, JSON.parse(stdout)]).toMatchObject([
      1,
      { valid: false, problems: [{ path: 'workflow.nodes.0.type' }] },
    ]);
  });

  it('reports what a server needs', async () => {
    const env = { DATABASE_URL: await createEmptyDatabase(), PORT: new URL(server.url).port };
    const { code, stdout } = await run(['doctor'], { env });
    expect(stdout).toMatch(/^! Database +PostgreSQL \d+; the next start of a server applies 0001/m);
    expect(stdout).toMatch(/^✔ Port +a CloutAgent server listens/m);
    expect(stdout).toMatch(/^✔ Credential /m);
    expect(code).toBe(0);
    const bad = await run(['doctor', '--json'], {
      env: { PORT: 'x', CLOUTAGENT_API_KEY: 'wrong-key-of-more-than-32-characters-' },
    });
    expect(bad.code).toBe(1);
    expect(parsed(bad)).toMatchObject({
      checks: [
        { check: 'Node', status: 'ok' },
        { check: 'Settings', status: 'failed' },
        { check: 'Credential', status: 'failed' },
      ],
    });
  });

  it.each<[string, string[], Options, number, RegExp]>([
    ['without a key', ['list'], { env: { CLOUTAGENT_API_KEY: '' } }, 2, /Set CLOUTAGENT_API_KEY/],
    [
      'without a server',
      ['list', '--url', 'http://127.0.0.1:1'],
      {},
      4,
      /cannot be reached.*cloutagent serve/s,
    ],
    ['an unknown option', ['list', '--jsn'], {}, 2, /Did you mean --json\?/],
    ['an unknown command', ['lst'], {}, 2, /Did you mean list\?/],
    ['an unknown execution', ['show', 'none'], {}, 4, /no such execution/],
    ['a missing file', ['run', 'none.json'], {}, 2, /none\.json cannot be read/],
    ['a file that is not JSON', ['run', '-'], { stdin: '{' }, 2, /is not JSON/],
    ['a file without a workflow', ['run', '-'], { stdin: '{}' }, 1, /not a valid workflow/],
    ['a file that holds no object', ['run', '-'], { stdin: '[]' }, 2, /must hold a JSON object/],
    ['stdin for two things', ['run', '-', '-i', '-'], { stdin: '{}' }, 2, /not both/],
    ['a limit that is no number', ['list', '-n', 'all'], {}, 2, /from 1 to 100/],
    ['a server that is no URL', ['list', '--url', 'localhost:3000'], {}, 2, /correct --url/],
    ['a key id that is no id', ['keys', 'revoke', 'x'], {}, 4, /^ {2}keyId: Invalid UUID$/m],
    ['an answer that is none', ['answer', 'x'], {}, 2, /--approve, --reject, --body/],
    ['two answers', ['answer', 'x', '--approve', '--body', '1'], {}, 2, /Give one answer/],
    [
      'arguments of a call that is denied',
      ['answer', 'x', '--action', 'deny', '--args', '{}'],
      {},
      2,
      /--args needs/,
    ],
    [
      'arguments that are not JSON',
      ['answer', 'x', '--action', 'approve', '--args', '{"id": 8'],
      {},
      2,
      /--args must be a JSON object/,
    ],
    ['an action that is none', ['answer', 'x', '--action', 'nod'], {}, 2, /retry, fail, output/],
    ['an unknown wait', ['answer', UNKNOWN, '--reject'], {}, 4, /no such wait|does not exist/i],
    ['a missing body', ['signal', 'x', 'go', '@none.json'], {}, 2, /none\.json cannot be read/],
    ['a re-run of an unknown execution', ['rerun', UNKNOWN, '--from', 'a,b'], {}, 4, /no such execution/],
    ['a sequence that is no number', ['watch', 'x', '--after', '-1'], {}, 2, /Use 0, 1, 2/],
  ])('explains %s', async (_title, args, options, code, message) => {
    const ended = await run(args, options);
    expect([ended.code, ended.stdout]).toEqual([code, '']);
    expect(ended.stderr).toMatch(message);
  });

  it('prints an error as JSON for programs', async () => {
    const { code, stderr } = await run(['show', 'none', '--json']);
    expect([code, JSON.parse(stderr)]).toMatchObject([4, { error: { code: 'not_found', status: 404 } }]);
  });
});
