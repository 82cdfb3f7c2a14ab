import { setTimeout as sleep } from 'node:timers/promises';
import { Rig } from '../load/bench.ts';
import type { Remote } from '../load/remote.ts';
import { rounded, type Scenario } from './scenario.ts';

const WATCHERS = 1_000;
const EVENTS = 10_000;

/** All watchers reconnect at once to an execution that already has many events. */
export const RECONNECT: Scenario = {
  name: 'reconnect',
  description: `${WATCHERS} watchers reconnect at once to an execution with ${EVENTS} events`,
  async run({ databaseUrl }) {
    const rig = await Rig.start('ours', databaseUrl);
    try {
      await rig.server.call('record', 0, EVENTS, 200);
      await rig.server.call('collect');
      const before = rig.resident();
      let most = before;
      const timer = setInterval(() => (most = Math.max(most, rig.resident())), 50);
      const readsBefore = await rig.server.call<number>('reads');
      const cpuSeconds = async (of: Remote) => {
        const { user, system } = await of.call<NodeJS.CpuUsage>('cpu');
        return (user + system) / 1e6;
      };
      const used = { server: await cpuSeconds(rig.server), client: await cpuSeconds(rig.client) };
      const began = performance.now();
      const perSecond = await rig.open(1, { count: WATCHERS, verify: true, parallel: WATCHERS });
      let least = 0;
      while (least < EVENTS && performance.now() - began < 60_000) {
        await sleep(50);
        least = (await rig.client.call<{ leastId: number }>('state')).leastId;
      }
      const took = performance.now() - began;
      clearInterval(timer);
      const { disorder, open } = await rig.client.call<{ disorder: number; open: number }>('state');
      return [
        {
          watchers: open,
          'connects/s': rounded(perSecond),
          'all complete after ms': rounded(took),
          'CPU s of server': rounded((await cpuSeconds(rig.server)) - used.server, 1),
          'CPU s of client': rounded((await cpuSeconds(rig.client)) - used.client, 1),
          'least events': least,
          disorder,
          'journal reads': (await rig.server.call<number>('reads')) - readsBefore,
          'RSS grew MB at most': rounded((most - before) / 1e6, 1),
        },
      ];
    } finally {
      await rig.stop();
    }
  },
};
