import { createParser } from 'eventsource-parser';
import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { isTerminalType } from '../faults/journal-rules.ts';
import type { SeenFrame, WatcherLog } from '../faults/oracle.ts';
import { ADMIN_KEY } from '../support/server.ts';

const RECONNECT_MS = 200;
/** Reconnects after this time without data, as a client does. */
const SILENCE_MS = 20_000;
const RETRIED = new Set([429, 503]);

export interface FollowerOptions {
  name: string;
  executionId: string;
  /** Base URL of the process to watch. */
  server: () => string;
  onFrame: (frame: SeenFrame) => void;
}

/**
 * Watches one execution to its end. After each break it reconnects with its Last-Event-ID. If the server answers that it
 * does not know that event, the follower starts again from the beginning.
 */
export class Follower {
  /** How often the server did not know the Last-Event-ID. */
  refusals = 0;
  /** Whether the execution was not found. */
  isLost = false;
  isDone = false;
  private frames: SeenFrame[] = [];
  /** When each connection was accepted, and how many frames had been received by then. */
  private connections: { at: number; seen: number }[] = [];
  private readonly complaints: string[] = [];
  private readonly options: FollowerOptions;
  private request: ClientRequest | undefined;
  private isStopped = false;

  constructor(options: FollowerOptions) {
    this.options = options;
    void this.follow();
  }

  get executionId(): string {
    return this.options.executionId;
  }

  get log(): WatcherLog {
    const { name, executionId } = this.options;
    return { name, executionId, after: 0, frames: this.frames, complaints: this.complaints };
  }

  /**
   * Splits the frames into those of connections that were accepted before a moment (ms of the epoch) and those accepted
   * after it. If the connection of that moment has not broken since, all frames count as received after it.
   */
  split(moment: number): { before: readonly SeenFrame[]; log: WatcherLog } {
    const seen = this.connections.find(({ at }) => at >= moment)?.seen ?? 0;
    const after = Number(this.frames[seen - 1]?.id ?? 0);
    return {
      before: this.frames.slice(0, seen),
      log: { ...this.log, after, frames: this.frames.slice(seen) },
    };
  }

  /** Rewrites the received frames, for a scenario that rewrites the journal. */
  rewrite(change: (frame: SeenFrame) => SeenFrame): void {
    this.frames = this.frames.map(change);
  }

  stop(): void {
    this.isStopped = true;
    this.request?.destroy();
  }

  private async follow(): Promise<void> {
    while (!this.isStopped) {
      if (await this.connect()) {
        this.isDone = true;
        return;
      }
      await sleep(RECONNECT_MS * (0.5 + Math.random()));
    }
  }

  /** @returns whether the stream has ended */
  private connect(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const last = this.frames.at(-1)?.id;
    const request = get(
      new URL(`/api/executions/${this.executionId}/stream`, this.options.server()),
      {
        headers: {
          authorization: `Bearer ${ADMIN_KEY}`,
          ...(last !== undefined && { 'last-event-id': last }),
        },
        agent: false,
        timeout: SILENCE_MS,
      },
      (response) => {
        if (response.statusCode === 200) this.read(response, resolve);
        else void this.refuse(response, last).then(resolve);
      },
    );
    this.request = request;
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
    request.on('close', () => resolve(false));
    return promise;
  }

  private read(response: IncomingMessage, resolve: (hasEnded: boolean) => void): void {
    this.connections.push({ at: Date.now(), seen: this.frames.length });
    const parser = createParser({
      onEvent: ({ id = '', event = '', data }) => {
        if (event === 'connection:established') return;
        const frame = { id, type: event, data };
        this.frames.push(frame);
        this.options.onFrame(frame);
      },
    });
    response.setEncoding('utf8');
    response.on('data', (text: string) => parser.feed(text));
    response.on('error', () => undefined);
    response.on('close', () => resolve(isTerminalType(this.frames.at(-1)?.type ?? '')));
  }

  /** @returns whether the stream has ended */
  private async refuse(response: IncomingMessage, last: string | undefined): Promise<boolean> {
    const status = response.statusCode ?? 0;
    let body = '';
    response.setEncoding('utf8');
    try {
      for await (const part of response) body += String(part);
    } catch {
      return false;
    }
    if (status === 204) return true;
    if (RETRIED.has(status)) return false;
    if (status === 400 && body.includes('invalid_last_event_id')) {
      this.refusals += 1;
      this.frames = [];
      this.connections = [];
      return false;
    }
    if (status === 404) {
      this.isLost = true;
      return true;
    }
    if (this.complaints.length < 5)
      this.complaints.push(`It got ${status} for Last-Event-ID ${last ?? 'none'}: ${body.slice(0, 200)}`);
    return false;
  }
}
