// Compares streams in the formats of other protocols with streams in the server's own format: the CPU of the server while
// 500 streams watch one execution, in turns. `--formats ai-sdk,ag-ui` chooses formats, `--rounds 3` the rounds, `--watchers`
// the streams. `--memory 200000` measures the resident memory instead, while executions with so many events are watched.
// Prints a table and writes bench/results/formats.json.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { withDatabase } from './load/bench.ts';
import { cpuMs } from './load/cpu.ts';

const { values: given } = parseArgs({
  options: {
    formats: { type: 'string', default: 'ai-sdk,ag-ui,openai-responses,openai-chat,a2a' },
    rounds: { type: 'string', default: '5' },
    watchers: { type: 'string', default: '500' },
    memory: { type: 'string' },
  },
});
const KEY = 'bench-administrator-key-of-32-characters';
const OWN = 'own';
const FORMATS = [OWN, ...given.formats.split(',')];
const CHUNKS = 1_500;
/** How long streams have to open before the first events, in ms. */
const OPENING_MS = 2_500;

/** A server on the first core. The streams are read on the other one. */
async function startServer(databaseUrl: string): Promise<{ url: string; server: ChildProcess }> {
  const canPin = spawnSync('taskset', ['-c', '0', 'true']).status === 0;
  const node = [process.execPath, '--expose-gc', '--max-semi-space-size=8', 'dist/main.js'];
  const command = canPin ? ['taskset', '-c', '0', ...node] : node;
  if (canPin) spawnSync('taskset', ['-p', '-c', '1', String(process.pid)]);
  const server = spawn(command[0]!, command.slice(1), {
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      DATABASE_URL: databaseUrl,
      BOOTSTRAP_API_KEY: KEY,
      LOG_FORMAT: 'text',
      RATE_LIMIT_REQUESTS: '1000000',
      MAX_STREAMS_PER_PRINCIPAL: '5000',
      MAX_STREAMS_PER_EXECUTION: '5000',
      EXECUTION_OUTPUT_MAX_BYTES: '1000000000',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of server.stdout) {
    output += String(chunk);
    const url = /listens on (\S+);/.exec(output)?.[1];
    if (url) return { url, server };
  }
  throw new Error(`the server ended: ${output}`);
}

async function startExecution(url: string, agents: number, chunks: number, delayMs: number): Promise<string> {
  const agent = (id: string) => ({
    id,
    type: 'agent',
    data: {
      config: {
        model: 'demo/echo',
        prompt: '{{input}}',
        providerOptions: { demo: { chunks, delayMs } },
      },
    },
  });
  const ids = Array.from({ length: agents }, (_unused, index) => `agent-${index}`);
  const response = await fetch(`${url}/api/executions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      projectId: 'demo',
      // All agents echo the same text, so that the request stays small.
      input: 'The quick brown fox jumps over the lazy dog. '.repeat(Math.ceil(chunks / 5)),
      workflow: {
        nodes: [{ id: 'open', type: 'delay', data: { config: { ms: OPENING_MS } } }, ...ids.map(agent)],
        edges: ids.map((target) => ({ source: 'open', target })),
      },
    }),
  });
  if (response.status !== 202) throw new Error(await response.text());
  return ((await response.json()) as { id: string }).id;
}

/** Opens a stream. @returns when it has ended, its bytes */
function watch(url: string, id: string, format: string): { opened: Promise<void>; bytes: Promise<number> } {
  const opened = Promise.withResolvers<void>();
  const bytes = Promise.withResolvers<number>();
  const query = format === OWN ? '' : `?format=${format}`;
  const headers = { authorization: `Bearer ${KEY}` };
  get(`${url}/api/executions/${id}/stream${query}`, { headers, agent: false }, (response) => {
    if (response.statusCode !== 200) bytes.reject(new Error(`${format}: ${response.statusCode}`));
    let sum = 0;
    response.on('data', (chunk: Buffer) => (sum += chunk.length));
    response.on('end', () => bytes.resolve(sum));
    opened.resolve();
  }).on('error', bytes.reject);
  return { opened: opened.promise, bytes: bytes.promise };
}

interface Round {
  cpuMs: number;
  bytes: number;
}

async function measure(url: string, pid: number, format: string): Promise<Round> {
  const id = await startExecution(url, 1, CHUNKS, 4);
  const watchers = Array.from({ length: Number(given.watchers) }, () => watch(url, id, format));
  await Promise.all(watchers.map(({ opened }) => opened));
  const before = cpuMs(pid);
  const bytes = await Promise.all(watchers.map((watcher) => watcher.bytes));
  if (new Set(bytes.map((each) => Math.round(each / 1_000))).size > 2)
    throw new Error(`${format}: the streams have different lengths`);
  return { cpuMs: cpuMs(pid) - before, bytes: bytes[0]! };
}

const residentMb = async (pid: number): Promise<number> =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))![1]) / 1_024);

/** @returns the resident memory, in MB, at quarters of the time */
async function memory(url: string, pid: number, format: string, events: number): Promise<object> {
  const samples: number[] = [];
  const id = await startExecution(url, 2, Math.ceil(events / 2), 0);
  const watchers = Array.from({ length: 20 }, () => watch(url, id, format));
  const done = Promise.all(watchers.map((watcher) => watcher.bytes)).then(([bytes]) => bytes!);
  let isDone = false;
  void done.then(() => (isDone = true));
  while (!isDone) {
    await sleep(250);
    samples.push(await residentMb(pid));
  }
  const at = (part: number) => samples[Math.min(samples.length - 1, Math.floor(samples.length * part))];
  return {
    format,
    'MB of a stream': Math.round((await done) / 1e6),
    'RSS at 1/4': at(0.25),
    '1/2': at(0.5),
    '3/4': at(0.75),
    end: at(1),
  };
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

await withDatabase(async (databaseUrl) => {
  const { url, server } = await startServer(databaseUrl);
  try {
    const rows: object[] = [];
    if (given.memory !== undefined) {
      for (const format of FORMATS) rows.push(await memory(url, server.pid!, format, Number(given.memory)));
    } else {
      await measure(url, server.pid!, OWN);
      const rounds = new Map<string, Round[]>(FORMATS.map((format) => [format, []]));
      for (let round = 0; round < Number(given.rounds); round += 1)
        for (const format of FORMATS) rounds.get(format)!.push(await measure(url, server.pid!, format));
      const cpuOf = (format: string) => median(rounds.get(format)!.map((each) => each.cpuMs));
      for (const format of FORMATS)
        rows.push({
          format,
          'CPU ms': Math.round(cpuOf(format)),
          '÷ own': Number((cpuOf(format) / cpuOf(OWN)).toFixed(2)),
          'KB of a stream': Math.round(median(rounds.get(format)!.map(({ bytes }) => bytes)) / 1_000),
        });
    }
    console.table(rows);
    const name = given.memory === undefined ? 'formats.json' : 'formats-memory.json';
    await mkdir(new URL('results/', import.meta.url), { recursive: true });
    const result = {
      at: new Date().toISOString(),
      machine: { cpus: cpus().length, node: process.version },
      given,
      rows,
    };
    await writeFile(new URL(`results/${name}`, import.meta.url), `${JSON.stringify(result, null, 2)}\n`);
  } finally {
    server.kill('SIGTERM');
    await once(server, 'exit');
  }
});
