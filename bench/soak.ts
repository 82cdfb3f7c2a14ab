// Random connects, disconnects, stalls and cancels for a while, on the built server with its engine; afterwards heap,
// sockets, listeners, timers and channels have to be back where they were. `node bench/soak.ts --seconds 600`.
import { setTimeout as sleep } from 'node:timers/promises';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Rig, withDatabase } from './load/bench.ts';

const { values: given } = parseArgs({ options: { seconds: { type: 'string', default: '600' } } });
const seconds = Number(given.seconds);
const WARM_UP_SECONDS = 20;
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
  const rig = await Rig.start('ours', databaseUrl, 1, { STREAM_STALL_MS: 2_000, HEARTBEAT_MS: 1_000 });
  try {
    let opened = 0;
    let cancelled = 0;
    const run = async (length: number) => {
      const end = Date.now() + length * 1000;
      while (Date.now() < end) {
        const execution = await rig.server.call<number>('startReal', 50 + random(400), random(20));
        const kinds = [{}, { rate: 0 }, { rate: 2_000 }, { verify: true }];
        const kind = kinds[random(kinds.length)]!;
        const count = 1 + random(40);
        opened += count;
        await rig
          .openAt(execution, { count, ...kind, parallel: 20, group: String(random(8)) })
          // Some connect when it is all over, which is 204.
          .catch(() => undefined);
        if (random(3) === 0) await rig.client.call('close', String(random(8)), random(60));
        if (random(4) === 0) {
          await rig.server.call('cancelReal', execution);
          cancelled += 1;
        }
        await sleep(random(120));
      }
      await rig.client.call('close');
      await rig.server.call('drain');
      await sleep(4_000);
      for (let n = 0; n < 3; n += 1) await rig.server.call('collect');
      return rig.server.call<Census>('census');
    };
    // Code, pools and caches are as warm at the start as at the end.
    const before = await run(WARM_UP_SECONDS);
    const after = await run(seconds);
    const stats = await rig.server.call<object>('stats');
    console.log(`${opened} streams opened, ${cancelled} executions cancelled in ${seconds} s`);
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
