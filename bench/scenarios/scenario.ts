import { type Figures, medians, type PeerName } from '../load/bench.ts';

/** One row of a table. */
export type Row = Record<string, string | number>;

export interface Scenario {
  name: string;
  /** Explains the table to its reader. */
  description: string;
  run(context: { databaseUrl: string; rounds: number; peers: PeerName[]; seconds: number }): Promise<Row[]>;
}

/** Runs every peer once per round, in turn, so that other work on the machine affects all peers equally. */
export async function interleave(
  peers: PeerName[],
  rounds: number,
  measure: (peer: PeerName) => Promise<Figures>,
): Promise<Map<PeerName, Figures>> {
  const found = new Map<PeerName, Figures[]>(peers.map((peer) => [peer, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const peer of peers) found.get(peer)!.push(await measure(peer));
  return new Map([...found].map(([peer, figures]) => [peer, medians(figures)]));
}

/** Lists latency and CPU of each peer, compared with bare Node. */
export function besideBare(found: ReadonlyMap<PeerName, Figures>): Row[] {
  const bare = found.get('bare');
  return [...found].map(([peer, { p50 = NaN, p99 = NaN, cpu = NaN, delivered = NaN }]): Row => ({
    peer,
    delivered,
    median: rounded(p50, 2),
    p99: rounded(p99, 2),
    'p99 ÷ bare': rounded(p99 / (bare?.['p99'] ?? NaN), 2),
    'CPU µs each': rounded(cpu, 1),
    'CPU ÷ bare': rounded(cpu / (bare?.['cpu'] ?? NaN), 2),
  }));
}

export const rounded = (value: number, digits = 0): number => Number(value.toFixed(digits));
