import { type Figures, type PeerName, Rig } from '../load/bench.ts';
import { besideBare, interleave, type Scenario } from './scenario.ts';

const SECONDS = 4;
const BYTES = 200;

/** Executions that publish at a constant rate. */
function paced(channels: number, watchers: number, perSecond: number): Scenario {
  return {
    name: `paced-${channels}x${watchers}`,
    description: `${channels} executions × ${watchers} watchers × ${perSecond} events/s: latency in ms, CPU of the server`,
    async run({ databaseUrl, rounds, peers }) {
      const found = await interleave(
        peers.filter((peer) => peer === 'ours' || peer === 'bare' || (peer === 'nest' && channels === 1)),
        rounds,
        (peer) => measure(peer, databaseUrl, channels, watchers, perSecond),
      );
      return besideBare(found);
    },
  };
}

async function measure(
  peer: PeerName,
  databaseUrl: string,
  channels: number,
  watchers: number,
  perSecond: number,
): Promise<Figures> {
  const rig = await Rig.start(peer, databaseUrl, channels);
  try {
    await rig.open(channels, { count: channels * watchers });
    await rig.quiet();
    await rig.server.call('paced', 1, channels, perSecond, BYTES);
    await rig.quiet();
    const done = await rig.server.call<{ events: number; cpuMs: number }>(
      'paced',
      SECONDS,
      channels,
      perSecond,
      BYTES,
    );
    const due = done.events * watchers;
    const { frames } = await rig.client.call<{ frames: number }>('received', due);
    if (frames !== due) throw new Error(`${peer}: ${frames} of ${due} events arrived`);
    const { median, p99 } = await rig.client.call<{ median: number; p99: number }>('latency');
    return { p50: median, p99, cpu: (done.cpuMs * 1000) / due, delivered: frames / due };
  } finally {
    await rig.stop();
  }
}

export const PACED = [paced(1, 500, 50), paced(1000, 1, 20), paced(5000, 1, 4)];
