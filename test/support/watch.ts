import { createParser } from 'eventsource-parser';
import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Data, Established } from './answer.js';
import { ADMIN_KEY } from './server.js';

export interface Frame {
  id: number;
  /** The id as it came: a cursor, on a stream of many executions. */
  cursor: string;
  type: string;
  data: Data;
}

export const TERMINAL = /^execution:(completed|failed|cancelled)$/;

/** One connection to a stream, read with an SSE parser of a third party. */
export class Watch {
  /** Recorded events, in the order they came. */
  readonly frames: Frame[] = [];
  established: Established | undefined;
  comments = 0;
  status = 0;
  ended = false;
  /** Whether the server said when to come back, as the last thing. */
  farewell = false;
  private readonly request: ClientRequest;
  private wake: (() => void)[] = [];
  private response: IncomingMessage | undefined;

  /** @param paused nothing is read until `read` is called */
  constructor(base: string, path: string, headers: Record<string, string> = {}, paused = false) {
    this.request = get(
      new URL(path, base),
      { headers: { authorization: `Bearer ${ADMIN_KEY}`, ...headers }, agent: false },
      (response) => {
        this.response = response;
        this.status = response.statusCode ?? 0;
        if (!paused) this.read();
      },
    );
    this.request.on('error', () => this.end());
  }

  /** Waits until `condition` holds; fails when the stream ends before. */
  async until(condition: (watch: Watch) => boolean, timeoutMs = 20_000): Promise<this> {
    const deadline = Date.now() + timeoutMs;
    while (!condition(this)) {
      if (this.ended)
        throw new Error(
          `the stream ended (${this.status}) after ${this.frames.length} events: ${JSON.stringify(this.frames.at(-1))?.slice(0, 300)}`,
        );
      if (Date.now() > deadline)
        throw new Error(
          `waited ${timeoutMs} ms (status ${this.status}, ${this.established ? 'greeted' : 'not greeted'}); last of ${this.frames.length} events: ${JSON.stringify(this.frames.at(-1))?.slice(0, 300)}`,
        );
      await Promise.race([new Promise<void>((resolve) => this.wake.push(resolve)), sleep(50)]);
    }
    return this;
  }

  /** Waits until the server ends the stream. */
  async done(timeoutMs = 30_000): Promise<this> {
    const deadline = Date.now() + timeoutMs;
    while (!this.ended) {
      if (Date.now() > deadline)
        throw new Error(`the stream did not end in ${timeoutMs} ms; ${this.frames.length} events`);
      await sleep(5);
    }
    return this;
  }

  close(): void {
    this.request.destroy();
    this.ended = true;
  }

  read(): void {
    const response = this.response!;
    const parser = createParser({
      onEvent: ({ id, event, data }) => {
        this.farewell = false;
        if (event === 'connection:established')
          this.established = { id, ...(JSON.parse(data) as object) } as Established;
        else
          this.frames.push({ id: Number(id), cursor: id ?? '', type: event ?? '', data: JSON.parse(data) });
      },
      onRetry: () => (this.farewell = true),
      onComment: () => (this.comments += 1),
    });
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      parser.feed(text);
      this.stir();
    });
    response.on('end', () => this.end());
    response.on('error', () => this.end());
    response.on('close', () => this.end());
  }

  private end(): void {
    this.ended = true;
    this.stir();
  }

  private stir(): void {
    const wake = this.wake;
    this.wake = [];
    for (const resolve of wake) resolve();
  }
}

/** 1, 2, 3 … n. */
export const upTo = (n: number): number[] => Array.from({ length: n }, (_unused, index) => index + 1);
/** The ids of the frames in what a client read that does not take them apart. */
export const idsIn = (text: string): number[] =>
  [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
export const pathOf = (id: string): string => `/api/executions/${id}/stream`;
export const ids = (frames: readonly Frame[]): number[] => frames.map((frame) => frame.id);

/** A node of the demo model. */
export const agent = (id: string, demo: object = {}, config: object = {}) => ({
  id,
  type: 'agent',
  data: { config: { model: 'demo/echo', prompt: `Say {{input}}`, providerOptions: { demo }, ...config } },
});
export const delay = (id: string, ms: number) => ({ id, type: 'delay', data: { config: { ms } } });
export const start = (nodes: object[], edges: [string, string][] = [], more: object = {}) => ({
  projectId: 'demo',
  input: 'hello',
  workflow: { nodes, edges: edges.map(([source, target]) => ({ source, target })) },
  ...more,
});
