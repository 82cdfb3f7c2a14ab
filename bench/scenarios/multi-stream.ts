import { type Figures, type PeerName, Rig } from '../load/bench.ts';
import { besideBare, interleave, rounded, type Scenario } from './scenario.ts';

const EXECUTIONS = 100;
const WATCHERS = 50;
const PER_SECOND = 20;
const SECONDS = 4;
const BYTES = 200;

/** Dashboards that each watch all executions through one stream. The name is the key of earlier results too. */
export const MULTI_STREAM: Scenario = {
  name: 'many',
  description: `${EXECUTIONS} executions × ${PER_SECOND} events/s, ${WATCHERS} watchers of all of them through one stream each: latency in ms, CPU of the server`,
  async run({ databaseUrl, rounds, peers }) {
    const found = await interleave(
      peers.filter((peer) => peer === 'ours' || peer === 'bare'),
      rounds,
      (peer) => measure(peer, databaseUrl),
    );
    const bytes = [...found.values()].map((figures) => figures['bytes'] ?? NaN);
    return besideBare(found).map((row, n) => ({ ...row, 'bytes each': rounded(bytes[n]!) }));
  },
};

async function measure(peer: PeerName, databaseUrl: string): Promise<Figures> {
  const rig = await Rig.start(peer, databaseUrl, EXECUTIONS);
  try {
    await rig.open('all', { count: WATCHERS });
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
