import { type Figures, medians, type PeerName } from '../load/bench.ts';

/** One row of a table. */
export type Row = Record<string, string | number>;

export interface Scenario {
  name: string;
  /** What a reader must know to read the table. */
  says: string;
  run(context: { databaseUrl: string; rounds: number; peers: PeerName[]; seconds: number }): Promise<Row[]>;
}

/** Runs every peer once a round, in turn, so that what the machine does meanwhile hits all of them. */
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

export const rounded = (value: number, digits = 0): number => Number(value.toFixed(digits));
