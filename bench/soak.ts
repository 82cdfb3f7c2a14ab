// Connects, disconnects, stalls and cancels at random, on the built server with its engine. Afterwards heap, sockets,
// listeners, timers and channels have to be back at their earlier values. `node bench/soak.ts --seconds 600`.
import { setTimeout as sleep } from 'node:timers/promises';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Rig, withDatabase } from './load/bench.ts';

const { values: given } = parseArgs({ options: { seconds: { type: 'string', default: '600' } } });
const seconds = Number(given.seconds);
const WARM_UP_SECONDS = 20;
/** An execution that writes more than the kernel buffers for its watchers, some of which have stopped reading. */
const FLOOD_EVERY_MS = 15_000;
const FLOOD = { seconds: 1, perSecond: 1_500, bytes: 10_000 };
const STALL_MS = 2_000;
const random = (most: number): number => Math.floor(Math.random() * most);

interface Census {
  heapMB: number;
  sockets: number;
  timers: number;
  channels: number;
  streams: number;
  listeners: number;
  wheel: number;
  resources: Record<string, number>;
}

await withDatabase(async (databaseUrl) => {
  const floods = Math.ceil(((seconds + WARM_UP_SECONDS) * 1000) / FLOOD_EVERY_MS) + 2;
  const rig = await Rig.start('ours', databaseUrl, floods, {
    STREAM_STALL_TIMEOUT_MS: STALL_MS,
    HEARTBEAT_INTERVAL_MS: 1_000,
  });
  try {
    let opened = 0;
    let cancelled = 0;
    let flooded = 0;
    const flood = async () => {
      const channel = flooded++;
      await rig.openAt(channel, { count: 3, rate: 0, group: 'flood' });
      await rig.openAt(channel, { count: 3, verify: true, group: 'flood' });
      opened += 6;
      const { seconds: length, perSecond, bytes } = FLOOD;
      const last = await rig.server.call<number>('write', channel, length, perSecond, bytes, 0);
      await sleep(2 * STALL_MS);
      await rig.server.call('finish', channel, last + 1);
    };
    const run = async (length: number) => {
      const end = Date.now() + length * 1000;
      let nextFlood = Date.now();
      let flooding = Promise.resolve();
      while (Date.now() < end) {
        if (Date.now() >= nextFlood) {
          nextFlood += FLOOD_EVERY_MS;
          flooding = flood();
        }
        const execution = await rig.server.call<number>('startReal', 50 + random(400), random(20));
        const kinds = [{}, { rate: 0 }, { rate: 2_000 }, { verify: true }];
        const kind = kinds[random(kinds.length)]!;
        const count = 1 + random(40);
        opened += count;
        await rig
          .openAt(execution, { count, ...kind, parallel: 20, group: String(random(8)) })
          // A connect after the end of the execution is answered with 204.
          .catch(() => undefined);
        if (random(3) === 0) await rig.client.call('close', String(random(8)), random(60));
        if (random(4) === 0) {
          await rig.server.call('cancelReal', execution);
          cancelled += 1;
        }
        await sleep(random(120));
      }
      await flooding;
      await rig.client.call('close');
      await rig.server.call('drain');
      await sleep(4_000);
      for (let n = 0; n < 3; n += 1) await rig.server.call('collect');
      return rig.server.call<Census>('census');
    };
    // Warm up first, so that code, pools and caches are as warm before the run as after it.
    const before = await run(WARM_UP_SECONDS);
    const after = await run(seconds);
    const stats = await rig.server.call<object>('stats');
    console.log(
      `${opened} streams opened, ${cancelled} executions cancelled, ${flooded} floods in ${seconds} s`,
    );
    console.table({ before, after });
    console.log(stats);
    await writeFile(
      new URL('results/soak.json', import.meta.url),
      `${JSON.stringify({ at: new Date().toISOString(), seconds, opened, cancelled, before, after, stats }, null, 2)}\n`,
    );
  } finally {
    await rig.stop();
  }
});
