// Runs the application behind proxies that are configured as in docs/proxies.md, and prints how streams behave through
// them. Runs each installed proxy without privileges, on loopback ports and in a temporary folder. `--only nginx,squid`
// runs some of them, `--defaults` adds a row for each without the lines that this application needs, `--app FOLDER` uses
// another build of the application.
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Application, until } from './application.ts';
import { type Fetch, overHttp1, overHttp2 } from './client.ts';
import { type Figures, measureProxy, measureStreams } from './measure.ts';
import { freePorts } from '../support/free-ports.ts';
import { interrupted, makeFolder, Process, stopAll } from './processes.ts';
import { PROXIES, type Proxy } from './proxies.ts';

const { values: given } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    defaults: { type: 'boolean', default: false },
    app: { type: 'string', default: join(import.meta.dirname, '../..') },
  },
});
const root = resolve(given.app);
const { EmbeddedPostgres } = (await import(
  pathToFileURL(join(root, 'dist/database/embedded-postgres.js')).href
)) as typeof import('../../src/database/embedded-postgres.js');

/** Finds a program. Servers are often outside the PATH of an ordinary user. */
function find(programs: readonly string[]): string | undefined {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin:/opt/homebrew/sbin`;
  const folders = path.split(delimiter);
  return programs.flatMap((program) => folders.map((folder) => join(folder, program))).find(existsSync);
}

function versionOf(program: string, { version }: Proxy): string {
  const { stdout, stderr } = spawnSync(program, version, { encoding: 'utf8' });
  return /\d+(\.\d+)+/.exec(`${stdout}${stderr}`)?.[0] ?? '?';
}

/** Returns the configuration with its placeholders filled in. @throws Error if a needed text is missing */
function configure(proxy: Proxy, values: Record<string, string>, byDefault: boolean): string {
  let text = readFileSync(join(import.meta.dirname, proxy.config), 'utf8');
  for (const [needed, instead] of proxy.needed) {
    if (!text.includes(needed)) throw new Error(`${proxy.config} does not have ${JSON.stringify(needed)}`);
    if (byDefault) text = text.replace(needed, instead);
  }
  return text.replaceAll(/@([A-Z][A-Z0-9_]*)@/g, (_all, name: string) => values[name]!);
}

async function run(
  proxy: Proxy,
  program: string,
  app: Application,
  parent: string,
  byDefault: boolean,
): Promise<void> {
  const folder = await makeFolder(parent, proxy.name);
  const [port = 0, port2 = 0] = await freePorts(2);
  const values = {
    PORT: String(port),
    PORT2: String(port2),
    HOST: '127.0.0.1',
    UPSTREAM_PORT: String(app.port),
    UPSTREAM: `127.0.0.1:${app.port}`,
    FOLDER: folder,
    MODULES: proxy.modules?.find(existsSync) ?? '',
  };
  const config = join(folder, proxy.config);
  await writeFile(config, configure(proxy, values, byDefault));
  const log = join(folder, 'output.log');
  const server = new Process(program, proxy.args(config, folder, port), { folder, log });
  try {
    const http1 = overHttp1(`http://127.0.0.1:${port}`);
    await until(proxy.name, server, async () => (await http1('/health/live')).status === 200);
    const name = byDefault ? `${proxy.name}, defaults` : `${proxy.name} ${versionOf(program, proxy)}`;
    await add(name, app, http1, () => measureProxy(app, http1));
    if (proxy.http2 && !byDefault) await add(`${name}, HTTP/2`, app, overHttp2(`http://127.0.0.1:${port2}`));
  } finally {
    await server.stop();
  }
}

const rows: Figures[] = [];
async function add(
  name: string,
  app: Application,
  fetch: Fetch,
  more?: () => Promise<Figures>,
): Promise<void> {
  const figures = await Promise.resolve()
    .then(async () => ({ ...(await measureStreams(app, fetch)), ...(await more?.()) }))
    .catch((error: unknown): Figures => ({ failed: (error as Error).message.slice(0, 60) }));
  rows.push({ proxy: name, ...figures });
  console.log(`${name}: ${JSON.stringify(figures)}`);
}

async function runAll(app: Application, folder: string): Promise<void> {
  await app.start();
  await add('none', app, app.fetch);
  const only = given.only.split(',').filter(Boolean);
  for (const proxy of PROXIES) {
    if (only.length > 0 && !only.includes(proxy.name)) continue;
    const program = find(proxy.programs);
    if (program === undefined) {
      console.log(`${proxy.name}: skipped, it is not installed`);
      continue;
    }
    for (const byDefault of given.defaults ? [false, true] : [false])
      await run(proxy, program, app, folder, byDefault).catch((error: Error) => {
        process.exitCode = 1;
        console.log(`${proxy.name}: ${error.message}`);
      });
  }
}

const folder = await makeFolder(tmpdir(), 'cloutagent-proxies');
try {
  const postgres = await EmbeddedPostgres.start(join(folder, 'data'), { fsync: 'off' });
  const [port = 0] = await freePorts(1);
  const app = new Application(root, folder, port, postgres.url);
  try {
    await Promise.race([runAll(app, folder), interrupted]);
  } finally {
    await stopAll();
    await postgres.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
console.table(rows);
process.exit();
