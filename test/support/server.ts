import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Body } from './answer.ts';

/** The nats-server of test/nats/run.ts, which then carries the hints of all servers; undefined in other runs. */
const NATS_URL = process.env['TEST_NATS_URL'];
/** Where servers write their coverage (scripts/coverage.ts); undefined if it is not measured. */
const COVERAGE = process.env['SERVER_COVERAGE'];
/** Ends a process as SIGKILL does, once it has written its coverage: see write-coverage.mjs. */
const COVER_AND_KILL = 'SIGWINCH';
const COVERAGE_TIMEOUT_MS = 5_000;

/** Lets programs that are not `dist/main.js` use the compiled code of the build, as `dist/main.js` does by itself. */
export const COMPILE_CACHE = { NODE_COMPILE_CACHE: resolve('node_modules/.cache/cloutagent') };
/** What PostgreSQL itself copies by default. */
const EMPTY_DATABASE = 'template1';

export const ADMIN_KEY = 'test-administrator-key-of-32-characters';

/** Creates a database with the newest schema on the run's PostgreSQL. Outside of Jest the first server makes the schema. */
export const createDatabase = (): Promise<string> =>
  copyDatabase(process.env['TEST_DATABASE_TEMPLATE'] ?? EMPTY_DATABASE);

/** Creates a database without a schema, for tests of what makes it. */
export const createEmptyDatabase = (): Promise<string> => copyDatabase(EMPTY_DATABASE);

async function copyDatabase(template: string): Promise<string> {
  const url = process.env['TEST_DATABASE_URL'];
  if (!url) throw new Error('TEST_DATABASE_URL is set by test/support/global-setup.mjs');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  await client.end();
  return Object.assign(new URL(url), { pathname: `/${name}` }).href;
}

/** The real server, as `npm start` runs it, in a process that can be killed. */
export class Server {
  readonly url: string;
  readonly process: ChildProcess;
  readonly output: () => string;

  // Written out, so that scripts can use this file too: Node removes types and nothing else.
  private constructor(url: string, child: ChildProcess, output: () => string) {
    this.url = url;
    this.process = child;
    this.output = output;
  }

  /**
   * @param script for Node, or a whole command
   * @param options how its process is made, such as by another user or in another folder
   */
  static async start(
    settings: Record<string, string>,
    script: string | string[] = 'dist/main.js',
    options: SpawnOptions = {},
  ): Promise<Server> {
    const [file, ...args] = typeof script === 'string' ? [process.execPath, script] : script;
    if (COVERAGE && file === process.execPath)
      args.unshift('--import', join(import.meta.dirname, 'write-coverage.mjs'));
    const child = spawn(file!, args, {
      ...options,
      env: {
        PATH: process.env['PATH'],
        PORT: '0',
        BOOTSTRAP_API_KEY: ADMIN_KEY,
        LOG_FORMAT: 'text',
        // Functions from Node's compile cache would be counted less precisely.
        ...(COVERAGE && { NODE_V8_COVERAGE: COVERAGE, NODE_DISABLE_COMPILE_CACHE: '1' }),
        ...natsSettings(settings),
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const ready = Promise.withResolvers<string>();
    const read = (data: Buffer) => {
      output += data.toString();
      const url = /listens on (\S+);/.exec(output)?.[1];
      if (url) ready.resolve(url);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', (code) => ready.reject(new Error(`the server ended with code ${code}:\n${output}`)));
    return new Server(await ready.promise, child, () => output);
  }

  /** Calls the API as the administrator, unless another Authorization is given. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await fetch(new URL(path, this.url), {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (text === '' ? undefined : parse(text)) as Body,
    };
  }

  /** Starts an execution and returns its id. */
  async startExecution(request: object): Promise<string> {
    const { status, body } = await this.call('POST', '/api/executions', request);
    if (status !== 202) throw new Error(`POST answered ${status}: ${JSON.stringify(body)}`);
    return body.id;
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode;
    if (COVERAGE && signal === 'SIGKILL') {
      const exited = once(this.process, 'exit');
      this.process.kill(COVER_AND_KILL);
      await Promise.race([exited, sleep(COVERAGE_TIMEOUT_MS, undefined, { ref: false })]);
      if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode;
    }
    this.process.kill(signal);
    const [code] = (await once(this.process, 'exit')) as [number | null];
    return code;
  }
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The text, parsed if it is JSON; undefined if there is none. */
  body: Body;
}

/** Gives the processes of one database subjects of their own. A test may choose another nats-server. */
function natsSettings(given: Record<string, string>): Record<string, string> {
  const database = URL.parse(given['DATABASE_URL'] ?? '')?.pathname.slice(1);
  if (!NATS_URL || !database || given['NATS_URL'] !== undefined) return {};
  return { NATS_URL, NATS_SUBJECT_PREFIX: database };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
