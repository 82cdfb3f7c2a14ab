import { setTimeout as sleep } from 'node:timers/promises';
import { Server } from '../support/server.ts';
import { FaultLink } from './fault-link.ts';
import type { SeededRandom } from './random.ts';

const TERM_LIMIT_MS = 15_000;
/** A process that cannot start, as while its way to the database is cut, is started again. */
const RESTART_MS = 200;

/** A place for a server process of a world: the process, which may die and be replaced, and its link to PostgreSQL. */
export class ProcessSlot {
  /** Times that a process ended without being asked to, a sentence each. */
  readonly deaths: string[] = [];
  private server: Server | undefined;
  private starting: Promise<void> | undefined;
  private readFrom = 0;
  private past = '';
  private isClosed = false;

  private constructor(
    readonly name: string,
    readonly link: FaultLink,
    private readonly settings: Record<string, string>,
  ) {}

  static async open(
    name: string,
    databaseUrl: string,
    settings: Record<string, string>,
    random: SeededRandom,
  ): Promise<ProcessSlot> {
    const link = await FaultLink.to(Number(new URL(databaseUrl).port), random);
    const url = Object.assign(new URL(databaseUrl), { port: String(link.port) });
    const slot = new ProcessSlot(name, link, { ...settings, DATABASE_URL: url.href });
    await slot.start();
    return slot;
  }

  /** Base URL of the process; undefined while there is none. */
  get url(): string | undefined {
    return this.server?.url;
  }

  /** Starts a process, again and again until one is up. */
  start(): Promise<void> {
    this.starting ??= this.tryToStart().finally(() => (this.starting = undefined));
    return this.starting;
  }

  /** Kills the process, as the machine's out-of-memory killer does. @returns whether there was one */
  async kill(): Promise<boolean> {
    const server = this.take();
    await server?.kill('SIGKILL');
    return server !== undefined;
  }

  /** Ends the process in order. @returns how: `exited n`, `killed` when it took too long, undefined without one */
  async terminate(): Promise<string | undefined> {
    const server = this.take();
    if (!server) return undefined;
    // One that is stopped does not take the signal.
    server.process.kill('SIGCONT');
    const exited = server.kill('SIGTERM');
    const code = await Promise.race([exited, sleep(TERM_LIMIT_MS, undefined, { ref: false })]);
    if (code !== undefined) return `exited ${code}`;
    await server.kill('SIGKILL');
    return 'killed';
  }

  /** Stops the process, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.server?.process.kill(signal);
  }

  /** What the processes have printed since the last call. */
  output(): string {
    const text = this.past + (this.server?.output().slice(this.readFrom) ?? '');
    this.past = '';
    this.readFrom = this.server?.output().length ?? 0;
    return text;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.link.calm();
    await this.starting;
    this.signal('SIGCONT');
    await this.kill();
    await this.link.close();
  }

  private take(): Server | undefined {
    const server = this.server;
    this.server = undefined;
    if (server) this.past += server.output().slice(this.readFrom);
    this.readFrom = 0;
    return server;
  }

  private async tryToStart(): Promise<void> {
    while (!this.server && !this.isClosed) {
      const started = await Server.start(this.settings).catch((error: Error) => {
        this.past += `${error.message}\n`;
        return undefined;
      });
      if (!started) {
        await sleep(RESTART_MS);
        continue;
      }
      this.server = started;
      started.process.once('exit', (code, signal) => {
        if (this.server !== started) return;
        this.deaths.push(`Process ${this.name} ended by itself (${signal ?? `code ${code}`}).`);
        this.take();
      });
    }
  }
}
