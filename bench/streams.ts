// Compares the streams with their peers in the same run. `--only fan-out,idle` selects scenarios by the beginning of
// their names, `--rounds 1` is fast, `--peers ours,bare` leaves out the other peers, `--seconds 20` shortens the
// scenario with slow readers. Prints a table for each scenario and writes bench/results/streams.json.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { type PeerName, PEERS, withDatabase } from './load/bench.ts';
import { available } from './peers/nchan.ts';
import { FAN_OUTS } from './scenarios/fan-out.ts';
import { IDLE } from './scenarios/idle.ts';
import { MULTI_STREAM } from './scenarios/multi-stream.ts';
import { RECONNECT } from './scenarios/reconnect.ts';
import { SLOW_READERS } from './scenarios/slow.ts';
import { PACED } from './scenarios/paced.ts';

const { values: given } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    peers: { type: 'string', default: PEERS.join() },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '60' },
  },
});
const only = given.only.split(',');
const wanted = given.peers.split(',');
const peers: PeerName[] = PEERS.filter((peer) => wanted.includes(peer) && (peer !== 'nchan' || available()));
if (wanted.includes('nchan') && !peers.includes('nchan'))
  console.log('nchan is left out: nginx with nchan is not installed');

const results = new URL('results/streams.json', import.meta.url);
const before = JSON.parse(await readFile(results, 'utf8').catch(() => '{}')) as { scenarios?: object };
const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
const scenarios: Record<string, unknown> = { ...before.scenarios };
await mkdir(new URL('results/', import.meta.url), { recursive: true });
await withDatabase(async (databaseUrl) => {
  for (const scenario of [...FAN_OUTS, ...PACED, MULTI_STREAM, IDLE, RECONNECT, SLOW_READERS]) {
    if (!only.some((start) => scenario.name.startsWith(start))) continue;
    const load = loadavg()[0];
    const rows = await scenario.run({
      databaseUrl,
      rounds: Number(given.rounds),
      peers,
      seconds: Number(given.seconds),
    });
    console.log(scenario.description);
    console.table(rows);
    const at = new Date().toISOString();
    scenarios[scenario.name] = {
      description: scenario.description,
      at,
      rounds: Number(given.rounds),
      loadBefore: load,
      rows,
    };
    await writeFile(results, `${JSON.stringify({ machine, scenarios }, null, 2)}\n`);
  }
});
