// Measures starts of a saved workflow by its name (`workflowRef`) against starts that post the same graph, in the same run and
// in turns. The executions are not due yet (`startAt`), so that only their start is measured. Prints a table and writes
// bench/results/saved-starts.json.
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { ApiServer, forEach } from './load/api-server.ts';
import { type Figures, medians } from './load/bench.ts';
import { Build } from './load/build.ts';
import { Cluster } from './load/cluster.ts';

const { values: given } = parseArgs({
  options: {
    /** Starts of each kind in each round. */
    count: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '5' },
    /** Starts at the same time. */
    concurrency: { type: 'string', default: '50' },
  },
});
const count = Number(given.count);
const rounds = Number(given.rounds);
const concurrency = Number(given.concurrency);
const LATER = new Date(Date.now() + 86_400_000).toISOString();

const chain = (length: number): object => ({
  nodes: Array.from({ length }, (_unused, index) => ({
    id: `n${index}`,
    type: 'agent',
    data: {
      config: { model: 'demo/echo', prompt: 'Explain {{input}} to a person who has never heard of it.' },
    },
  })),
  edges: Array.from({ length: length - 1 }, (_unused, index) => ({
    source: `n${index}`,
    target: `n${index + 1}`,
  })),
});
const GRAPHS = { '1 node': chain(1), '20 nodes': chain(20) };

const start = (server: ApiServer, request: object, starts: number): Promise<void> =>
  forEach(Array.from({ length: starts }), concurrency, () =>
    server.call('POST', '/api/executions', { projectId: 'bench', input: 'SSE', startAt: LATER, ...request }),
  );
const rounded = (figures: Figures): Figures =>
  Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number(value.toFixed(3))]));

const cluster = await Cluster.start({
  shared_preload_libraries: 'pg_stat_statements',
  autovacuum: 'off',
});
try {
  await cluster.admin.query('CREATE EXTENSION pg_stat_statements');
  const server = await ApiServer.start(Build.list(undefined)[0]!, cluster);
  const rows: Record<string, Figures> = {};
  try {
    for (const [index, [name, workflow]] of Object.entries(GRAPHS).entries()) {
      await server.call('PUT', `/api/workflows/bench/graph-${index}`, { workflow });
      const kinds = { value: { workflow }, ref: { workflowRef: `graph-${index}` } };
      for (const request of Object.values(kinds)) await start(server, request, Math.ceil(count / 10));
      const figures = { value: [] as Figures[], ref: [] as Figures[] };
      for (let round = 0; round < rounds; round += 1)
        // The order changes from round to round.
        for (const kind of round % 2 === 0 ? (['value', 'ref'] as const) : (['ref', 'value'] as const))
          figures[kind].push(await server.measure(count, () => start(server, kinds[kind], count)));
      const ratios = figures.ref.map((ref, round) => ({
        'rate ÷ value': ref['perSecond']! / figures.value[round]!['perSecond']!,
        'cpu ÷ value': ref['cpuMs']! / figures.value[round]!['cpuMs']!,
      }));
      rows[`${name}, by value`] = rounded(medians(figures.value));
      rows[`${name}, by ref`] = rounded({ ...medians(figures.ref), ...medians(ratios) });
    }
  } finally {
    await server.stop();
  }
  console.log(`${count} starts of each kind, figures of one start, medians of ${rounds} rounds`);
  console.table(rows);
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
  await mkdir(new URL('results/', import.meta.url), { recursive: true });
  await writeFile(
    new URL('results/saved-starts.json', import.meta.url),
    `${JSON.stringify({ at: new Date().toISOString(), machine, count, concurrency, rounds, rows }, null, 2)}\n`,
  );
} finally {
  await cluster.stop();
}
