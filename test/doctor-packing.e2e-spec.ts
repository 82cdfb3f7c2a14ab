import { tmpdir } from 'node:os';
import pg from 'pg';
import { runCommand } from './support/cli.js';
import { createDatabase, createEmptyDatabase, Server } from './support/server.js';
import { delay, pathOf, start, Watch } from './support/watch.js';

interface Check {
  check: string;
  status: string;
  detail: string;
}

describe('cloutagent doctor', () => {
  let server: Server;
  let client: pg.Client;
  let url: string;

  beforeAll(async () => {
    url = await createDatabase();
    server = await Server.start({ DATABASE_URL: url, JOURNAL_PACK_EVENTS_PER_SECOND: '0' });
    client = new pg.Client({ connectionString: url });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await server.kill('SIGTERM');
  });

  const packing = async (rate: number): Promise<Check | undefined> => {
    const env = { DATABASE_URL: url, JOURNAL_PACK_EVENTS_PER_SECOND: String(rate) };
    const { stdout } = await runCommand(['doctor', '--json'], { cwd: tmpdir(), env });
    const { checks } = JSON.parse(stdout) as { checks: Check[] };
    return checks.find(({ check }) => check === 'Packing');
  };
  const endAgo = (age: string) =>
    client.query('UPDATE cloutagent.unpacked_executions SET completed_at = now() - $1::interval', [age]);

  it('says how many executions are due to be packed, and what keeps them from it', async () => {
    expect(await packing(10)).toMatchObject({ status: 'ok' });
    const id = await server.startExecution(start([delay('d', 1)]));
    await new Watch(server.url, pathOf(id)).done();
    await endAgo('30 minutes');
    const due = 'the events of 1 executions are due to be packed';
    expect(await packing(10)).toEqual({ check: 'Packing', status: 'ok', detail: due });
    expect(await packing(0)).toEqual({
      check: 'Packing',
      status: 'warning',
      detail: `${due}; JOURNAL_PACK_EVENTS_PER_SECOND=0 turns packing off`,
    });
    await endAgo('5 hours');
    const late = await packing(10);
    expect(late).toMatchObject({ status: 'warning' });
    expect(late!.detail).toContain(`${due}, execution ${id} for 4 h. Look for "cannot be packed"`);
    await client.query('UPDATE cloutagent.processes SET reads_segments = false');
    expect((await packing(10))!.detail).toContain('1 processes of a release before');
  });

  it('says nothing about packing before the first start of a server', async () => {
    url = await createEmptyDatabase();
    expect(await packing(10)).toBeUndefined();
  });
});
