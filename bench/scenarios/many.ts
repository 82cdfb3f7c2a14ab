import { type Figures, type PeerName, Rig } from '../load/bench.ts';
import { interleave, type Row, rounded, type Scenario } from './scenario.ts';

const EXECUTIONS = 100;
const WATCHERS = 50;
const PER_SECOND = 20;
const SECONDS = 4;
const BYTES = 200;

/** A fleet of dashboards: each watches all executions through one stream. */
export const MANY: Scenario = {
  name: 'many',
  says: `${EXECUTIONS} executions × ${PER_SECOND} events/s, ${WATCHERS} watchers of all of them through one stream each: latency in ms, CPU of the server`,
  async run({ databaseUrl, rounds, peers }) {
    const found = await interleave(
      peers.filter((peer) => peer === 'ours' || peer === 'bare'),
      rounds,
      (peer) => measure(peer, databaseUrl),
    );
    const bare = found.get('bare');
    return [...found].map(
      ([peer, { p50 = NaN, p99 = NaN, cpu = NaN, delivered = NaN, bytes = NaN }]): Row => ({
        peer,
        delivered,
        median: rounded(p50, 2),
        p99: rounded(p99, 2),
        'p99 ÷ bare': rounded(p99 / (bare?.['p99'] ?? NaN), 2),
        'CPU µs each': rounded(cpu, 1),
        'CPU ÷ bare': rounded(cpu / (bare?.['cpu'] ?? NaN), 2),
        'bytes each': rounded(bytes),
      }),
    );
  },
};

async function measure(peer: PeerName, databaseUrl: string): Promise<Figures> {
  const rig = await Rig.start(peer, databaseUrl, EXECUTIONS);
  try {
    await rig.open('many', { count: WATCHERS });
    await rig.quiet();
    const paced = (seconds: number) =>
      rig.server.call<{ events: number; cpuMs: number }>('paced', seconds, EXECUTIONS, PER_SECOND, BYTES);
    const warm = await paced(1);
    await rig.client.call('received', warm.events * WATCHERS);
    await rig.quiet();
    const done = await paced(SECONDS);
    const due = done.events * WATCHERS;
    const { frames } = await rig.client.call<{ frames: number }>('received', due);
    const { bytes } = await rig.client.call<{ bytes: number }>('state');
    const { median, p99 } = await rig.client.call<{ median: number; p99: number }>('latency');
    return { p50: median, p99, cpu: (done.cpuMs * 1000) / due, delivered: frames / due, bytes: bytes / due };
  } finally {
    await rig.stop();
  }
}
