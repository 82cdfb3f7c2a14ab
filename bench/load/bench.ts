import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenOptions } from './client.ts';
import { Remote } from './remote.ts';

export const PEERS = ['ours', 'bare', 'joined', 'nest', 'better-sse', 'fastify', 'nchan'] as const;
export type PeerName = (typeof PEERS)[number];

const { EmbeddedPostgres } = (await import(
  new URL('../../dist/database/embedded-postgres.js', import.meta.url).href
)) as typeof import('../../src/database/embedded-postgres.js');

/** Runs `work` with a new embedded PostgreSQL, and deletes it afterwards. */
export async function withDatabase(work: (url: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'cloutagent-bench-'));
  const postgres = await EmbeddedPostgres.start(folder);
  try {
    await work(postgres.url);
  } finally {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a server under test on one core and the load client on the other. */
export class Rig {
  readonly server: Remote;
  readonly client: Remote;
  private readonly port: number;
  private readonly headers: Record<string, string>;
  private readonly pid: number;

  private constructor(
    server: Remote,
    client: Remote,
    { port, headers, pid }: { port: number; headers: Record<string, string>; pid: number },
  ) {
    this.server = server;
    this.client = client;
    this.port = port;
    this.headers = headers;
    this.pid = pid;
  }

  static async start(
    peer: PeerName,
    databaseUrl: string,
    executions = 1,
    settings: Record<string, string | number> = {},
  ): Promise<Rig> {
    const args =
      peer === 'ours'
        ? [
            'ours',
            databaseUrl,
            String(executions),
            ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
          ]
        : peer === 'joined'
          ? ['bare', 'joined']
          : [peer];
    // The nchan peer pins nginx to the servers' core. The peer process itself only publishes and runs on the other core.
    const server = Remote.start(peer, peer === 'nchan' ? 1 : 0, '../peers/run.ts', args);
    const address = await server.call<{ port: number; headers: Record<string, string>; pid: number }>(
      'address',
    );
    const client = Remote.start('the load client', 1, './client.ts', []);
    return new Rig(server, client, address);
  }

  /**
   * Opens streams.
   * @param channels number of channels, each with streams of its own; `all` for streams that show all channels
   * @returns connects per second
   */
  async open(
    channels: number | 'all',
    options: Omit<OpenOptions, 'port' | 'paths' | 'headers'> & { headers?: Record<string, string> },
  ): Promise<number> {
    const paths = await this.server.call<string[]>('paths', channels);
    const { perSecond, failed, reason } = await this.client.call<{
      perSecond: number;
      failed: number;
      reason?: string;
    }>('open', { ...options, port: this.port, paths, headers: { ...this.headers, ...options.headers } });
    if (failed > 0) throw new Error(`${this.server.name}: ${failed} streams did not open: ${reason}`);
    return perSecond;
  }

  /** Opens streams of the channel with this number. */
  async openAt(channel: number, options: Omit<OpenOptions, 'port' | 'paths' | 'headers'>): Promise<void> {
    const path = await this.server.call<string>('path', channel);
    await this.client.call('open', { ...options, port: this.port, paths: [path], headers: this.headers });
  }

  /** Waits until the first frames of the streams have arrived, then resets the counters. */
  async quiet(ms = 400): Promise<void> {
    await sleep(ms);
    await this.client.call('reset');
  }

  resident(): number {
    return this.server.resident(this.pid);
  }

  async stop(): Promise<void> {
    await this.client.stop();
    await this.server.stop();
  }
}

/** The figures of one round, by name. */
export type Figures = Record<string, number>;

/** Returns the median of each figure over the rounds. */
export function medians(rounds: Figures[]): Figures {
  const names = new Set(rounds.flatMap((round) => Object.keys(round)));
  return Object.fromEntries(
    [...names].map((name) => {
      const values = rounds.map((round) => round[name]!).toSorted((a, b) => a - b);
      return [name, values[Math.floor(values.length / 2)]!];
    }),
  );
}
