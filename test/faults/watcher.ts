import { createParser } from 'eventsource-parser';
import { type ClientRequest, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ADMIN_KEY } from '../support/server.ts';
import { isTerminalType } from './journal-rules.ts';
import type { SeenFrame, WatcherLog } from './oracle.ts';

const RECONNECT_MS = 60;
/** A stream that gives no sign of life for this long is opened anew, as a client does. */
const SILENCE_MS = 20_000;

/** Follows one execution to its end like a client: after each break it reconnects with its Last-Event-ID. */
export class Watcher {
  /** Resolves when the server has said that nothing more will come, or after `stop`. */
  readonly done: Promise<void>;
  connections = 0;
  private readonly frames: SeenFrame[] = [];
  private readonly complaints: string[] = [];
  private request: ClientRequest | undefined;
  private isStopped = false;
  private isDone = false;

  /** @param pickServer base URL for the next connection; undefined while there is none */
  constructor(
    private readonly name: string,
    private readonly executionId: string,
    private readonly pickServer: () => string | undefined,
    private readonly after: number,
  ) {
    this.done = this.follow();
  }

  get log(): WatcherLog {
    const { name, executionId, after, frames, complaints } = this;
    return { name, executionId, after, frames, complaints };
  }

  get hasEnded(): boolean {
    return this.isDone;
  }

  stop(): void {
    this.isStopped = true;
    this.request?.destroy();
  }

  private async follow(): Promise<void> {
    while (!this.isStopped) {
      const server = this.pickServer();
      if (server !== undefined && (await this.connect(server))) {
        this.isDone = true;
        return;
      }
      await sleep(RECONNECT_MS);
    }
  }

  /** @returns whether this was the end of the stream */
  private connect(server: string): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const last = this.frames.at(-1)?.id ?? (this.after === 0 ? undefined : String(this.after));
    this.connections += 1;
    this.request = get(
      new URL(`/api/executions/${this.executionId}/stream`, server),
      {
        headers: {
          authorization: `Bearer ${ADMIN_KEY}`,
          ...(last !== undefined && { 'last-event-id': last }),
        },
        agent: false,
        timeout: SILENCE_MS,
      },
      (response) => {
        const status = response.statusCode ?? 0;
        if (status !== 200 && status !== 204 && status !== 503)
          this.complain(`It got ${status} for Last-Event-ID ${last ?? 'none'}.`);
        if (status !== 200) {
          response.resume();
          resolve(status === 204);
          return;
        }
        const parser = createParser({ onEvent: (frame) => this.see(frame) });
        response.setEncoding('utf8');
        response.on('data', (text: string) => parser.feed(text));
        response.on('error', () => undefined);
        // The end of the response after the terminal event is the end of the stream.
        response.on('close', () => resolve(isTerminalType(this.frames.at(-1)?.type ?? '')));
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
    if (event === 'connection:established') return;
    this.frames.push({ id: id ?? '', type: event ?? '', data });
  }

  private complain(problem: string): void {
    if (this.complaints.length < 5) this.complaints.push(problem);
  }
}
