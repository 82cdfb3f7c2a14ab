// Clients of the protocols watch an answer through nginx while the application or nginx is ended. Each of them has to end with
// an error, or with the whole answer, and what its protocol offers to continue has to give the whole answer.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Application } from './application.ts';
import { describe, type ProtocolClient, type Site, type Watch } from './protocols/client.ts';
import { A2A } from './protocols/a2a.ts';
import { AG_UI } from './protocols/ag-ui.ts';
import { AI_SDK } from './protocols/ai-sdk.ts';
import { MCP } from './protocols/mcp.ts';
import { OPENAI } from './protocols/openai.ts';
import { RAW } from './protocols/raw.ts';
import { PROXIES } from './proxies.ts';
import { findProgram, ProxyServer, type Replacement } from './proxy-server.ts';

const ALL: readonly ProtocolClient[] = [...AI_SDK, ...AG_UI, ...OPENAI, ...MCP, ...A2A, ...RAW];
const WORDS = 80;
const WORD_MS = 50;
/** The cut comes at a random time after all clients have text, when none of them can have the whole answer. */
const MAX_CUT_MS = (WORDS * WORD_MS) / 2;
/** A client that has no text by then, because the proxy buffers it, is cut all the same. */
const BEGIN_MS = 2_000;
/** A client that has not seen the cut by then waits for the server. */
const AWAY_MS = 1_000;
const WORKFLOW = 'story';
/** The answer. Each chunk of it is a word. */
const STORY = Array.from({ length: WORDS }, (_, index) => `word${String(index + 100)}.`).join('');

/** What cuts the streams, and what brings the server back. */
interface Cut {
  readonly name: string;
  end(app: Application, nginx: ProxyServer): Promise<void>;
  back(app: Application, nginx: ProxyServer): Promise<void>;
}
const CUTS: readonly Cut[] = [
  { name: 'kill -9', end: (app) => app.kill(), back: (app) => app.start() },
  { name: 'SIGTERM', end: (app) => app.stop(), back: (app) => app.start() },
  { name: 'nginx stops', end: (_app, nginx) => nginx.stop(), back: (_app, nginx) => nginx.restart() },
];

const HTTP_1_1 = '    proxy_http_version 1.1;\n';
/** Configurations with which every protocol works. */
const CONFIGURATIONS: readonly (readonly [name: string, replacements: readonly Replacement[]])[] = [
  ['as documented', []],
  [
    'with its defaults for streams',
    [
      ['      gzip off;\n', ''],
      ['      proxy_buffering off;\n', ''],
    ],
  ],
  [
    'that buffers',
    [
      [HTTP_1_1, `${HTTP_1_1}    proxy_ignore_headers X-Accel-Buffering;\n`],
      ['      proxy_buffering off;\n', ''],
    ],
  ],
];
const WITH_HTTP_1_0: readonly Replacement[] = [[HTTP_1_1, '']];

/**
 * Runs clients through nginx and prints what they saw.
 * @param options.rounds how often each cut is made
 * @param options.clients a part of the names of the clients; empty for all
 * @returns whether all checks passed; also if nginx is not installed
 */
export async function testProtocols(
  app: Application,
  folder: string,
  { rounds, clients: part }: { rounds: number; clients: string },
): Promise<boolean> {
  const clients = ALL.filter(({ name }) => name.includes(part));
  const nginx = PROXIES.find(({ name }) => name === 'nginx')!;
  const program = findProgram(nginx.programs);
  if (program === undefined) {
    console.log('protocols behind nginx: skipped, nginx is not installed');
    return true;
  }
  const start = (replacements: readonly Replacement[]) =>
    ProxyServer.start(nginx, program, { parent: folder, upstreamPort: app.port, replacements });
  const failures: string[] = [];
  for (const [configuration, replacements] of CONFIGURATIONS) {
    const proxy = await start(replacements);
    const table = new Map<string, Record<string, string>>();
    for (let round = 1; round <= rounds; round += 1)
      for (const cut of CUTS)
        for (const { client, saw, failure } of await watchAll(clients, app, proxy, cut)) {
          table.set(client, {
            ...table.get(client),
            [cut.name]: failure === undefined ? saw.slice(0, 40) : 'FAILED',
          });
          if (failure !== undefined)
            failures.push(`nginx ${configuration}, ${cut.name}, round ${round}, ${client}: ${failure}`);
        }
    await proxy.stop();
    console.log(`\nnginx ${configuration}: what each client saw, before it continued`);
    console.table(Object.fromEntries(table));
  }
  const proxy = await start(WITH_HTTP_1_0);
  failures.push(...(await checkRefusals(clients, app, proxy)));
  await proxy.stop();
  for (const failure of failures) console.log(failure.replaceAll(/\s+/g, ' ').slice(0, 300));
  console.log(
    `protocols behind nginx: ${failures.length === 0 ? 'all checks passed' : `${failures.length} failed`}`,
  );
  return failures.length === 0;
}

/** Returns what is wrong if nginx speaks HTTP/1.0: every stream whose cut a client would not see is refused before its start. */
async function checkRefusals(
  all: readonly ProtocolClient[],
  app: Application,
  nginx: ProxyServer,
): Promise<string[]> {
  const projectId = await makeProject(app);
  const site = await siteOf(app, nginx, projectId);
  const failures: string[] = [];
  for (const client of all.filter(({ seesCuts }) => !seesCuts)) {
    const { text, problem } = await client.watch(site).ended;
    if (problem?.includes('proxy_http_version 1.1') !== true)
      failures.push(`nginx with HTTP/1.0, ${client.name}: not refused, but ${problem ?? shorten(text)}`);
  }
  return failures;
}

async function siteOf(app: Application, { origin }: ProxyServer, projectId: string): Promise<Site> {
  return { origin, key: await app.createKey(projectId), projectId, workflow: WORKFLOW };
}

/** Makes a project with the workflow. Its executions are those of one run. */
async function makeProject(app: Application): Promise<string> {
  const projectId = `cut-${randomUUID()}`;
  const demo = { text: STORY, chunks: WORDS, delayMs: WORD_MS };
  const config = { model: 'demo/echo', prompt: '{{input.text}}', providerOptions: { demo } };
  const { status, text } = await app.call('PUT', `/api/workflows/${projectId}/${WORKFLOW}`, {
    workflow: { nodes: [{ id: 'answer', type: 'agent', data: { config } }], edges: [] },
    inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
  });
  if (status !== 201) throw new Error(`the workflow was not saved: ${text}`);
  return projectId;
}

interface Result {
  client: string;
  /** How the stream ended for the client. */
  saw: string;
  failure?: string | undefined;
}

async function watchAll(
  clients: readonly ProtocolClient[],
  app: Application,
  nginx: ProxyServer,
  cut: Cut,
): Promise<Result[]> {
  const projectId = await makeProject(app);
  const site = await siteOf(app, nginx, projectId);
  const watches = clients.map((client) => ({ name: client.name, watch: client.watch(site) }));
  await Promise.race([Promise.all(watches.map(({ watch }) => watch.begun)), sleep(BEGIN_MS)]);
  await sleep(Math.random() * MAX_CUT_MS);
  await cut.end(app, nginx);
  await Promise.all(watches.map(({ watch }) => continueWhileAway(watch)));
  await cut.back(app, nginx);
  const results = await Promise.all(watches.map(({ name, watch }) => check(name, watch)));
  const problem = await problemOf(app, projectId, clients);
  return problem === undefined ? results : [...results, { client: 'journal', saw: '', failure: problem }];
}

/** Continues while the server is away. It must not make a difference later, such as by a 502 that nginx keeps. */
async function continueWhileAway(watch: Watch): Promise<void> {
  const answer = await Promise.race([watch.ended, sleep(AWAY_MS)]);
  if (answer && answer.problem !== undefined) await watch.resume().catch(() => undefined);
}

/**
 * Returns what is wrong with the executions of a project: each client starts one, which is completed with the story. One that was
 * cancelled because its client had left is followed by another one.
 */
async function problemOf(
  app: Application,
  projectId: string,
  clients: readonly ProtocolClient[],
): Promise<string | undefined> {
  const { json } = await app.call('GET', `/api/executions?projectId=${projectId}&limit=100`);
  const executions = json['executions'] as { id: string; status: string }[];
  const cancelled = executions.filter(({ status }) => status === 'cancelled');
  if (cancelled.length > clients.filter(({ cancelsByLeaving }) => cancelsByLeaving).length)
    return `${cancelled.length} executions were cancelled`;
  const others = executions.filter(({ status }) => status !== 'cancelled');
  if (others.length !== clients.length) return `${others.length} executions have started`;
  for (const { id } of others) {
    const { status, output } = (await app.call('GET', `/api/executions/${id}`)).json;
    if (status !== 'completed' || output !== STORY) return `${id} is ${String(status)}`;
  }
  return undefined;
}

async function check(client: string, watch: Watch): Promise<Result> {
  const { text, problem } = await watch.ended;
  if (problem === undefined) {
    const failure = text === STORY ? undefined : `a cut text looks complete: ${shorten(text)}`;
    return { client, saw: 'the whole answer', failure };
  }
  const resumed = await watch.resume().then(
    (whole) => (whole === STORY ? undefined : `continuing gave ${shorten(whole)}`),
    (error: unknown) => `continuing failed: ${describe(error)}`,
  );
  return { client, saw: problem, failure: resumed };
}

const shorten = (text: string): string =>
  text.length > 60 ? `${text.slice(0, 30)}…${text.slice(-30)} (${text.length} characters)` : `"${text}"`;
