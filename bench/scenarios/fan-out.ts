import { type Figures, type PeerName, Rig } from '../load/bench.ts';
import { interleave, type Row, rounded, type Scenario } from './scenario.ts';

const SECONDS = 1.5;
const BYTES = 200;

/** One execution with many watchers, which publishes as fast as their sockets accept it. */
function fanOut(watchers: number, perTurn: number): Scenario {
  return {
    name: `fan-out-${watchers}x${perTurn}`,
    description: `1 execution, ${watchers} watchers, ${BYTES}-byte events, as fast as possible, ${perTurn} per turn: deliveries per second`,
    async run({ databaseUrl, rounds, peers }) {
      const compared = peers.filter((peer) => perTurn > 1 || peer !== 'joined');
      const found = await interleave(compared, rounds, (peer) =>
        measure(peer, databaseUrl, watchers, perTurn),
      );
      const rates = (peer: PeerName) => found.get(peer)?.['rate'] ?? NaN;
      return [...found].map(([peer, { rate = NaN, cpu = NaN }]): Row => ({
        peer,
        'deliveries/s': rounded(rate),
        'CPU µs each': rounded(cpu, 3),
        'ours ÷ it': rounded(rates('ours') / rate, 2),
      }));
    },
  };
}

async function measure(
  peer: PeerName,
  databaseUrl: string,
  watchers: number,
  perTurn: number,
): Promise<Figures> {
  const rig = await Rig.start(peer, databaseUrl);
  try {
    await rig.open(1, { count: watchers });
    await rig.quiet();
    await rig.server.call('flatOut', 0.7, perTurn, BYTES);
    await rig.quiet();
    const done = await rig.server.call<{ events: number; began: number; cpuMs: number }>(
      'flatOut',
      SECONDS,
      perTurn,
      BYTES,
    );
    const due = done.events * watchers;
    const { frames, at } = await rig.client.call<{ frames: number; at: number }>('received', due);
    if (process.env['BENCH_DEBUG']) console.log(peer, await rig.client.call('cpu'), done);
    if (frames !== due) throw new Error(`${peer}: ${frames} of ${due} events arrived`);
    return { rate: (frames / (at - done.began)) * 1000, cpu: (done.cpuMs * 1000) / frames };
  } finally {
    await rig.stop();
  }
}

export const FAN_OUTS = [fanOut(1000, 64), fanOut(1000, 1), fanOut(100, 64), fanOut(100, 1)];
