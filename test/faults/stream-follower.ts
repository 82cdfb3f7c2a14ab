import { createParser } from 'eventsource-parser';
import { type ClientRequest, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ADMIN_KEY } from '../support/server.ts';
import type { SeenFrame } from './oracle.ts';

const RECONNECT_MS = 60;
/** Reconnects after this time without data, as a client does. */
const SILENCE_MS = 20_000;
const MAX_COMPLAINTS = 5;

/**
 * Keeps one stream open like a client. After each break it reconnects with its Last-Event-ID, maybe to another server.
 */
export class StreamFollower {
  /** Recorded events in the order of their arrival, over all connections. */
  readonly frames: SeenFrame[] = [];
  /** Answers that no watcher should get, one sentence each. */
  readonly complaints: string[] = [];
  connections = 0;
  /** Whether the server has sent `connection:established` at least once. */
  isEstablished = false;
  /** Whether the stream has ended for good. */
  hasEnded = false;
  private request: ClientRequest | undefined;
  private isStopped = false;
  /** Where a stream of many executions resumes if it breaks before its first event. */
  private cursor: string | undefined;

  /**
   * @param pickServer returns the base URL for the next connection; undefined while no server is running
   * @param isLast whether a frame is the last one of the stream: then the end of the response is the end of the stream
   */
  constructor(
    private readonly path: string,
    private readonly pickServer: () => string | undefined,
    private readonly isLast: (frame: SeenFrame | undefined) => boolean,
    private readonly after?: string,
  ) {}

  /** Follows the stream. Resolves when it has ended, or after `stop`. */
  async follow(): Promise<void> {
    while (!this.isStopped && !this.hasEnded) {
      const server = this.pickServer();
      if (server !== undefined) this.hasEnded = await this.connect(server);
      if (!this.hasEnded) await sleep(RECONNECT_MS);
    }
  }

  stop(): void {
    this.isStopped = true;
    this.request?.destroy();
  }

  /** @returns whether the stream has ended */
  private connect(server: string): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const last = this.frames.at(-1)?.id ?? this.cursor ?? this.after;
    this.connections += 1;
    const headers = {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(last !== undefined && { 'last-event-id': last }),
    };
    this.request = get(
      new URL(this.path, server),
      { headers, agent: false, timeout: SILENCE_MS },
      (response) => {
        const status = response.statusCode ?? 0;
        if (![200, 204, 503].includes(status)) this.complain(`It got ${status} for ${last ?? 'no id'}.`);
        if (status !== 200) {
          response.resume();
          resolve(status === 204);
          return;
        }
        const parser = createParser({ onEvent: (frame) => this.see(frame) });
        response.setEncoding('utf8');
        response.on('data', (text: string) => parser.feed(text));
        response.on('error', () => undefined);
        response.on('close', () => resolve(this.isLast(this.frames.at(-1))));
      },
    );
    this.request.on('timeout', () => this.request?.destroy());
    this.request.on('error', () => resolve(false));
    return promise;
  }

  private see({
    id,
    event,
    data,
  }: {
    id?: string | undefined;
    event?: string | undefined;
    data: string;
  }): void {
    if (event === 'connection:established') {
      this.isEstablished = true;
      this.cursor ??= (JSON.parse(data) as { cursor?: string }).cursor;
    } else this.frames.push({ id: id ?? '', type: event ?? '', data });
  }

  private complain(problem: string): void {
    if (this.complaints.length < MAX_COMPLAINTS) this.complaints.push(problem);
  }
}
