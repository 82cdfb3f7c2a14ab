import { setTimeout as sleep } from 'node:timers/promises';
import { Rig } from '../load/bench.ts';
import { type Row, rounded, type Scenario } from './scenario.ts';

const BYTES_PER_SECOND = 5_000_000;
const EVENT_BYTES = 10_000;
const QUICK = 100;
const SLOW = 100;

/** Slow and stopped readers beside fast ones, on an execution that appends through the journal. */
export const SLOW_READERS: Scenario = {
  name: 'slow',
  description: `${QUICK} fast watchers of ${BYTES_PER_SECOND / 1e6} MB/s, alone and beside ${SLOW} that read 10 KB/s and ${SLOW} that stopped`,
  async run({ databaseUrl, seconds }) {
    const alone = await measure(databaseUrl, Math.min(seconds, 15), false);
    const beside = await measure(databaseUrl, seconds, true);
    return [
      { what: 'alone', ...alone },
      { what: 'beside slow ones', ...beside },
    ];
  },
};

async function measure(databaseUrl: string, seconds: number, slow: boolean): Promise<Row> {
  const rig = await Rig.start('ours', databaseUrl);
  try {
    await rig.open(1, { count: QUICK, group: 'quick' });
    const groups = slow ? ['slow', 'stopped'] : [];
    for (const group of groups)
      await rig.open(1, { count: SLOW, rate: group === 'slow' ? 10_000 : 0, verify: true, group });
    const write = (from: number, length: number) =>
      rig.server.call<number>('write', 0, length, BYTES_PER_SECOND / EVENT_BYTES, EVENT_BYTES, from);
    let last = await write(0, 3);
    await rig.quiet();
    await rig.server.call('collect');
    const before = rig.resident();
    let most = before;
    const timer = setInterval(() => (most = Math.max(most, rig.resident())), 250);
    last = await write(last, seconds);
    await sleep(500);
    clearInterval(timer);
    const { median, p99 } = await rig.client.call<{ median: number; p99: number }>('latency');
    const quick = await rig.client.call<{ frames: number; open: number }>('state', 'quick');
    const readsBefore = await rig.server.call<number>('reads');
    // The slow readers now read as fast as they can. They must receive every event in order.
    for (const group of groups) await rig.client.call('readFreely', group);
    await rig.server.call('finish', 0, last + 1);
    let resumed = { finished: 0, disorder: 0, open: 0 };
    const deadline = Date.now() + 180_000;
    while (slow && resumed.finished < 2 * SLOW && Date.now() < deadline) {
      await sleep(500);
      const states = await Promise.all(
        groups.map((group) => rig.client.call<typeof resumed>('state', group)),
      );
      resumed = {
        finished: states[0]!.finished + states[1]!.finished,
        disorder: states[0]!.disorder + states[1]!.disorder,
        open: states[0]!.open + states[1]!.open,
      };
    }
    return {
      seconds,
      'quick median ms': rounded(median, 2),
      'quick p99 ms': rounded(p99, 1),
      'quick got': rounded(quick.frames / (QUICK * seconds * (BYTES_PER_SECOND / EVENT_BYTES)), 3),
      'RSS grew MB': rounded((most - before) / 1e6, 1),
      'journal reads': readsBefore,
      'slow that got all in order': slow ? resumed.finished : 0,
      disorder: resumed.disorder,
    };
  } finally {
    await rig.stop();
  }
}
