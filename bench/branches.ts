// Measures the conditions of edges: workflows with 20 conditional edges against the same workflows without conditions, in the
// same run, and how many processes the server starts for them. Prints a table and writes bench/results/branches.json.
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { ApiServer, forEach } from './load/api-server.ts';
import { type Figures, medians } from './load/bench.ts';
import { Build } from './load/build.ts';
import { Cluster } from './load/cluster.ts';
import { descendants } from './load/cpu.ts';

const { values: given } = parseArgs({
  options: {
    /** Executions of each workflow and round. */
    count: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '5' },
    concurrency: { type: 'string', default: '20' },
  },
});
const count = Number(given.count);
const rounds = Number(given.rounds);
const EDGES = 20;
const SAMPLE_MS = 5;
const ALL_ENDED = 'NOT EXISTS (SELECT FROM cloutagent.executions WHERE completed_at IS NULL)';

const delay = (id: string): object => ({ id, type: 'delay', data: { config: { ms: 0 } } });
const condition = (index: number): object => ({ when: `input.score > ${index / 2}` });
const names = Array.from({ length: EDGES }, (_unused, index) => `n${index + 1}`);

/** One node with 20 outgoing edges. */
const fan = (isConditional: boolean): object => ({
  nodes: ['n0', ...names].map(delay),
  edges: names.map((target, index) => ({ source: 'n0', target, ...(isConditional && condition(index)) })),
});
/** 21 nodes in a row. */
const chain = (isConditional: boolean): object => ({
  nodes: ['n0', ...names].map(delay),
  edges: names.map((target, index) => ({
    source: `n${index}`,
    target,
    ...(isConditional && condition(index)),
  })),
});
const WORKLOADS = [
  ['fan of 20 edges', fan(false)],
  ['fan of 20 edges with conditions', fan(true)],
  ['chain of 20 edges', chain(false)],
  ['chain of 20 edges with conditions', chain(true)],
] as const;

const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));
const roundedAll = (figures: Figures): Figures =>
  Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, rounded(value)]));

/** Runs executions. @returns the number of processes that the server has started meanwhile */
async function run(server: ApiServer, workflow: object): Promise<number> {
  const [pid] = server.pids;
  const before = new Set(descendants(pid!));
  const started = new Set<number>();
  const timer = setInterval(() => {
    for (const each of descendants(pid!)) if (!before.has(each)) started.add(each);
  }, SAMPLE_MS);
  await forEach(Array.from({ length: count }), Number(given.concurrency), () =>
    server.startExecution(workflow, { score: 7 }),
  );
  await server.until(ALL_ENDED);
  clearInterval(timer);
  return started.size;
}

const cluster = await Cluster.start({
  shared_preload_libraries: 'pg_stat_statements',
  autovacuum: 'off',
});
try {
  await cluster.admin.query('CREATE EXTENSION pg_stat_statements');
  const server = await ApiServer.start(Build.list(undefined)[0]!, cluster);
  try {
    for (const [, workflow] of WORKLOADS) await run(server, workflow);
    const measured = WORKLOADS.map((): Figures[] => []);
    for (let round = 1; round <= rounds; round += 1)
      for (const [index, [, workflow]] of WORKLOADS.entries()) {
        let started = 0;
        const cost = await server.measure(count, async () => {
          started = await run(server, workflow);
        });
        measured[index]!.push({ ...cost, 'processes started': started });
      }
    const rows = Object.fromEntries(
      WORKLOADS.map(([name], index) => [name, roundedAll(medians(measured[index]!))]),
    );
    console.log(`${count} executions, figures of one execution, medians of ${rounds} rounds`);
    console.table(rows);
    const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
    await mkdir(new URL('results/', import.meta.url), { recursive: true });
    await writeFile(
      new URL('results/branches.json', import.meta.url),
      `${JSON.stringify({ at: new Date().toISOString(), machine, count, rounds, rows }, null, 2)}\n`,
    );
  } finally {
    await server.stop();
  }
} finally {
  await cluster.stop();
}
