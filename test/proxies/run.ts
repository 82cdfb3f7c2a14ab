// Runs the application behind proxies that are configured as in docs/proxies.md, and prints how streams behave through
// them. Runs each installed proxy without privileges, on loopback ports and in a temporary folder. `--only nginx,squid`
// runs some of them, `--defaults` adds a row for each without the lines that this application needs, `--app FOLDER` uses
// another build of the application. Then clients of the protocols watch answers through nginx while the application or nginx
// is ended: `--protocols` runs only this part, `--clients MCP` some of the clients, `--rounds 10` repeats it.
import { rm } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Application } from './application.ts';
import { type Fetch, overHttp1, overHttp2 } from './client.ts';
import { type Figures, measureProxy, measureStreams } from './measure.ts';
import { freePorts } from '../support/free-ports.ts';
import { interrupted, makeFolder, stopAll } from './processes.ts';
import { PROXIES, type Proxy } from './proxies.ts';
import { testProtocols } from './protocols.ts';
import { ProxyServer, findProgram } from './proxy-server.ts';

const { values: given } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    defaults: { type: 'boolean', default: false },
    protocols: { type: 'boolean', default: false },
    clients: { type: 'string', default: '' },
    rounds: { type: 'string', default: '2' },
    app: { type: 'string', default: join(import.meta.dirname, '../..') },
  },
});
const root = resolve(given.app);
const { EmbeddedPostgres } = (await import(
  pathToFileURL(join(root, 'dist/database/embedded-postgres.js')).href
)) as typeof import('../../src/database/embedded-postgres.js');

function versionOf(program: string, { version }: Proxy): string {
  const { stdout, stderr } = spawnSync(program, version, { encoding: 'utf8' });
  return /\d+(\.\d+)+/.exec(`${stdout}${stderr}`)?.[0] ?? '?';
}

async function run(
  proxy: Proxy,
  program: string,
  app: Application,
  parent: string,
  byDefault: boolean,
): Promise<void> {
  const replacements = byDefault ? proxy.needed : [];
  const server = await ProxyServer.start(proxy, program, { parent, upstreamPort: app.port, replacements });
  try {
    const http1 = overHttp1(server.origin);
    const name = byDefault ? `${proxy.name}, defaults` : `${proxy.name} ${versionOf(program, proxy)}`;
    await add(name, app, http1, () => measureProxy(app, http1));
    if (proxy.http2 && !byDefault)
      await add(`${name}, HTTP/2`, app, overHttp2(`http://127.0.0.1:${server.port2}`));
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

const only = given.only.split(',').filter(Boolean);

async function measureAll(app: Application, folder: string): Promise<void> {
  await add('none', app, app.fetch);
  for (const proxy of PROXIES) {
    if (only.length > 0 && !only.includes(proxy.name)) continue;
    const program = findProgram(proxy.programs);
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
  console.table(rows);
}

async function runAll(app: Application, folder: string): Promise<void> {
  await app.start();
  if (!given.protocols) await measureAll(app, folder);
  if (only.length > 0 && !only.includes('nginx')) return;
  if (!(await testProtocols(app, folder, { rounds: Number(given.rounds), clients: given.clients })))
    process.exitCode = 1;
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
process.exit();
