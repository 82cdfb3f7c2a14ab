import { setTimeout as sleep } from 'node:timers/promises';
import { type Figures, type PeerName, Rig } from '../load/bench.ts';
import { interleave, type Row, rounded, type Scenario } from './scenario.ts';

const STREAMS = 10_000;
const EXECUTIONS = 100;
const HEARTBEAT_INTERVAL_MS = 3_000;

/** Streams without any traffic except heartbeats. */
export const IDLE: Scenario = {
  name: 'idle',
  description: `${STREAMS} idle streams of ${EXECUTIONS} executions; ours sends a heartbeat every ${HEARTBEAT_INTERVAL_MS} ms`,
  async run({ databaseUrl, rounds, peers }) {
    const found = await interleave(
      peers.filter((peer) => peer !== 'joined'),
      Math.min(rounds, 3),
      (peer) => measure(peer, databaseUrl),
    );
    return [...found].map(
      ([peer, { each = NaN, collected = NaN, connects = NaN, p99 = NaN, most = NaN }]): Row => ({
        peer,
        'KB resident each': rounded(each, 1),
        'after collection': rounded(collected, 1),
        'connects/s': rounded(connects),
        'loop delay p99 ms': rounded(p99, 1),
        'most ms': rounded(most, 1),
      }),
    );
  },
};

async function measure(peer: PeerName, databaseUrl: string): Promise<Figures> {
  const rig = await Rig.start(peer, databaseUrl, EXECUTIONS, { HEARTBEAT_INTERVAL_MS });
  try {
    // Open some streams first, so that code and pools created at first use do not count as memory of streams.
    await rig.open(EXECUTIONS, { count: 500 });
    await rig.client.call('close');
    await sleep(500);
    await rig.server.call('collect');
    await sleep(200);
    const before = rig.resident();
    const connects = await rig.open(EXECUTIONS, { count: STREAMS, parallel: 500 });
    await sleep(1_000);
    await rig.server.call('delayStart');
    await sleep(HEARTBEAT_INTERVAL_MS * 1.5);
    const { p99, most } = await rig.server.call<{ p99: number; most: number }>('delayStop');
    const each = (rig.resident() - before) / STREAMS / 1024;
    await rig.server.call('collect');
    await sleep(500);
    const collected = (rig.resident() - before) / STREAMS / 1024;
    const { open } = await rig.client.call<{ open: number }>('state');
    if (open !== STREAMS) throw new Error(`${peer}: ${STREAMS - open} streams were closed`);
    return { each, collected, connects, p99, most };
  } finally {
    await rig.stop();
  }
}
