import { setTimeout as sleep } from 'node:timers/promises';
import { Server } from '../support/server.ts';
import { FaultLink } from './fault-link.ts';
import type { SeededRandom } from './random.ts';

const TERM_LIMIT_MS = 15_000;
/** Delay before the next try when a process cannot start, for example while its link to the database is cut. */
const RESTART_MS = 200;

/** A slot for a server process of a world, and its link to PostgreSQL. The process may die and be replaced. */
export class ProcessSlot {
  /** Unexpected exits of processes, one sentence each. */
  readonly unexpectedExits: string[] = [];
  private server: Server | undefined;
  private starting: Promise<void> | undefined;
  private readFrom = 0;
  private formerOutput = '';
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

  /** Base URL of the process; undefined while none is running. */
  get url(): string | undefined {
    return this.server?.url;
  }

  /** Starts a process. Repeats the start until it succeeds. */
  start(): Promise<void> {
    this.starting ??= this.tryToStart().finally(() => (this.starting = undefined));
    return this.starting;
  }

  /** Kills the process, as the out-of-memory killer does. @returns whether one was running */
  async kill(): Promise<boolean> {
    const server = this.take();
    await server?.kill('SIGKILL');
    return server !== undefined;
  }

  /**
   * Stops the process with SIGTERM.
   * @returns `exited n`; `killed` if it took too long; undefined if none was running
   */
  async terminate(): Promise<string | undefined> {
    const server = this.take();
    if (!server) return undefined;
    // A stopped process does not handle the signal.
    server.process.kill('SIGCONT');
    const exited = server.kill('SIGTERM');
    const code = await Promise.race([exited, sleep(TERM_LIMIT_MS, undefined, { ref: false })]);
    if (code !== undefined) return `exited ${code}`;
    await server.kill('SIGKILL');
    return 'killed';
  }

  /** Stops or resumes the process. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.server?.process.kill(signal);
  }

  /** Returns the output of the processes since the last call. */
  output(): string {
    const text = this.formerOutput + (this.server?.output().slice(this.readFrom) ?? '');
    this.formerOutput = '';
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
    if (server) this.formerOutput += server.output().slice(this.readFrom);
    this.readFrom = 0;
    return server;
  }

  private async tryToStart(): Promise<void> {
    while (!this.server && !this.isClosed) {
      const started = await Server.start(this.settings).catch((error: Error) => {
        this.formerOutput += `${error.message}\n`;
        return undefined;
      });
      if (!started) {
        await sleep(RESTART_MS);
        continue;
      }
      this.server = started;
      started.process.once('exit', (code, signal) => {
        if (this.server !== started) return;
        this.unexpectedExits.push(`Process ${this.name} exited unexpectedly (${signal ?? `code ${code}`}).`);
        this.take();
      });
    }
  }
}
