import { saveWorkflow } from './support/saved-workflow.js';
import { ScheduleClock } from './support/schedule-clock.js';
import { createDatabase, Server } from './support/server.js';
import { delay } from './support/watch.js';

const STEP_MS = 30 * 60_000;
/** Every so many steps a process is killed at the moment at which due times come. */
const STEPS_PER_KILL = 24;

/** The half hours of all hours between two times, in UTC. */
function halfHours(from: string, to: string): string[] {
  const found: string[] = [];
  for (let at = Date.parse(from) + STEP_MS; at < Date.parse(to); at += 2 * STEP_MS)
    found.push(new Date(at).toISOString().slice(5, 16));
  return found;
}

describe('schedules over changes of the offset, with two processes that are killed and restarted', () => {
  let settings: Record<string, string>;
  let servers: Server[];
  let clock: ScheduleClock;
  beforeAll(async () => {
    settings = { DATABASE_URL: await createDatabase(), TIMER_POLL_INTERVAL_MS: '20' };
    servers = [await Server.start(settings), await Server.start(settings)];
    clock = await ScheduleClock.stopAt(settings['DATABASE_URL']!, '2026-03-01T00:00Z');
    await saveWorkflow(servers[0]!.url, 'short', [delay('d', 1)]);
  });
  afterAll(async () => {
    await clock?.close();
    for (const server of servers ?? []) await server.kill('SIGTERM');
  });

  it.each([
    {
      change: 'New York in spring',
      timeZone: 'America/New_York',
      from: '2026-03-07T12:00Z',
      to: '2026-03-09T12:00Z',
      nightly: ['03-08T07:00', '03-09T06:30'],
      often: [
        '03-08T06:15',
        '03-08T07:00',
        '03-08T07:15',
        '03-09T05:15',
        '03-09T06:15',
        '03-09T06:45',
        '03-09T07:15',
      ],
    },
    {
      change: 'Berlin in spring',
      timeZone: 'Europe/Berlin',
      from: '2026-03-28T12:00Z',
      to: '2026-03-30T12:00Z',
      nightly: ['03-29T01:00', '03-30T00:30'],
      often: [
        '03-29T00:15',
        '03-29T01:00',
        '03-29T01:15',
        '03-29T23:15',
        '03-30T00:15',
        '03-30T00:45',
        '03-30T01:15',
      ],
    },
    {
      change: 'Berlin in autumn',
      timeZone: 'Europe/Berlin',
      from: '2026-10-24T12:00Z',
      to: '2026-10-26T12:00Z',
      nightly: ['10-25T00:30', '10-26T01:30'],
      often: [
        '10-24T23:15',
        '10-25T00:15',
        '10-25T00:45',
        '10-25T02:15',
        '10-26T00:15',
        '10-26T01:15',
        '10-26T01:45',
        '10-26T02:15',
      ],
    },
    {
      change: 'New York in autumn',
      timeZone: 'America/New_York',
      from: '2026-10-31T12:00Z',
      to: '2026-11-02T12:00Z',
      nightly: ['11-01T07:30', '11-02T07:30'],
      often: [
        '11-01T05:15',
        '11-01T07:15',
        '11-01T07:45',
        '11-01T08:15',
        '11-02T06:15',
        '11-02T07:15',
        '11-02T07:45',
        '11-02T08:15',
      ],
    },
  ])('start each due time once: $change', async ({ change, timeZone, from, to, nightly, often }) => {
    const prefix = change.replaceAll(' ', '-');
    await clock.set(from);
    const put = async (name: string, cron: string) => {
      const body = { workflowRef: 'short', cron, timeZone, overlap: 'enqueue', catchUp: 'all' };
      const { status } = await servers[0]!.call('PUT', `/api/schedules/demo/${prefix}-${name}`, body);
      expect(status).toBe(200);
    };
    await put('nightly', '30 2 * * *');
    await put('hourly', '30 * * * *');
    await put('often', '15 1,3 * * *');
    await put('gap', '15,45 2 * * *');

    let steps = 0;
    for (let at = Date.parse(from); at < Date.parse(to); at += STEP_MS) {
      steps += 1;
      await clock.set(new Date(at));
      if (steps % STEPS_PER_KILL === 0) {
        const [killed] = servers.splice(0, 1);
        await killed!.kill();
        servers.push(await Server.start(settings));
      }
      await clock.untilHandled();
    }
    const pending = `SELECT FROM cloutagent.schedules WHERE pending <> '{}'`;
    // Executions end by the real clock, so those that wait for them are tried again as long as there are some.
    for (let at = Date.parse(to); (await clock.database.rows(pending)).length > 0; at += 1_000)
      await clock.set(new Date(at));

    expect(await clock.startedBy(`${prefix}-nightly`)).toEqual(nightly);
    expect(await clock.startedBy(`${prefix}-hourly`)).toEqual(halfHours(from, to));
    const both = [...(await clock.startedBy(`${prefix}-often`)), ...(await clock.startedBy(`${prefix}-gap`))];
    expect(both.toSorted()).toEqual(often);
    for (const name of ['nightly', 'hourly', 'often', 'gap'])
      await servers[0]!.call('DELETE', `/api/schedules/demo/${prefix}-${name}`);
  });
});
