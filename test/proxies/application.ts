import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fetch, overHttp1, type Reply } from './client.ts';
import { Process } from './processes.ts';

const ADMIN = 'proxies-administrator-key-of-32-characters';
const START_MS = 60_000;

/** The built application behind the proxies. It can be stopped and started again on the same port. */
export class Application {
  readonly fetch: Fetch;
  readonly admin = { authorization: `Bearer ${ADMIN}` };
  readonly port: number;
  private readonly root: string;
  private readonly folder: string;
  private readonly databaseUrl: string;
  private process: Process | undefined;

  constructor(root: string, folder: string, port: number, databaseUrl: string) {
    this.root = root;
    this.folder = folder;
    this.port = port;
    this.databaseUrl = databaseUrl;
    this.fetch = overHttp1(`http://127.0.0.1:${port}`);
  }

  async start(): Promise<void> {
    this.process = new Process(process.execPath, [join(this.root, 'dist/main.js')], {
      folder: this.folder,
      log: join(this.folder, 'application.log'),
      env: {
        PORT: String(this.port),
        DATABASE_URL: this.databaseUrl,
        BOOTSTRAP_API_KEY: ADMIN,
        TRUST_PROXY: '1',
        HSTS_MAX_AGE_SECONDS: '60',
        HEARTBEAT_INTERVAL_MS: '2000',
        PROCESS_RECONNECT_TIMEOUT_MS: '500',
        LOG_LEVEL: 'error',
      },
      // The application reads its checkout, which the user `nobody` may not be permitted to read.
      privileged: true,
    });
    await until(
      `the application`,
      this.process,
      async () => (await this.fetch('/health/ready')).status === 200,
    );
  }

  async stop(): Promise<void> {
    await this.process?.stop();
  }

  /** Kills the process, so that it cannot end its streams. */
  async kill(): Promise<void> {
    this.process?.kill('SIGKILL');
    await this.process?.ended;
  }

  /** Sends a request as the administrator, directly to the application. */
  call(method: string, path: string, body?: unknown): Promise<Reply> {
    return this.fetch(path, { method, headers: this.admin, body }).then((reply) => reply.done());
  }

  async createKey(projectId: string): Promise<string> {
    const scopes = [
      'executions:read',
      'executions:write',
      'executions:control',
      'workflows:read',
      'keys:manage',
    ];
    const { json } = await this.call('POST', '/api/keys', { name: projectId, projects: [projectId], scopes });
    return json['key'] as string;
  }

  /** Starts an execution whose model sends this many tokens. With 0 tokens the model hangs. */
  async startExecution(projectId: string, tokens: number, delayMs = 20): Promise<string> {
    const demo = tokens === 0 ? { hang: true } : { chunks: tokens, delayMs };
    const config = { model: 'demo/echo', prompt: 'p', providerOptions: { demo } };
    const nodes = [{ id: 'a', type: 'agent', data: { config } }];
    const { json } = await this.call('POST', '/api/executions', { projectId, workflow: { nodes } });
    return json['id'] as string;
  }

  async openStreams(): Promise<number> {
    const { text } = await this.call('GET', '/metrics');
    return Number(/^cloutagent_streams_open (\d+)$/m.exec(text)?.[1]);
  }
}

/** Waits until a starting program answers. @throws Error with its log if it ends, or does not answer in time */
export async function until(what: string, process: Process, answers: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + START_MS;
  while (!(await answers().catch(() => false))) {
    if (process.hasEnded || Date.now() > deadline) throw new Error(`${what} did not start:\n${process.log}`);
    await sleep(50);
  }
}
