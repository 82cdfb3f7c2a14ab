import { createParser } from 'eventsource-parser';
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Data, Established } from './answer.js';
import { ADMIN_KEY } from './server.js';

export interface Frame {
  id: number;
  /** The id as it was sent. On a stream of many executions it is a cursor. */
  cursor: string;
  type: string;
  data: Data;
}

export const TERMINAL = /^execution:(completed|failed|cancelled)$/;

/** One connection to a stream. A third-party SSE parser reads it. */
export class Watch {
  /** Recorded events in the order of their arrival. */
  readonly frames: Frame[] = [];
  established: Established | undefined;
  comments = 0;
  status = 0;
  headers: IncomingHttpHeaders = {};
  ended = false;
  /** Whether the last thing that the server sent is `retry`, which says when to reconnect. */
  endsWithRetry = false;
  private readonly request: ClientRequest;
  private waiters: (() => void)[] = [];
  private response: IncomingMessage | undefined;

  /**
   * @param paused reads nothing until `read` is called
   * @param body of a POST; undefined for a GET
   */
  constructor(
    base: string,
    path: string,
    headers: Record<string, string> = {},
    paused = false,
    body?: object,
  ) {
    const given = { authorization: `Bearer ${ADMIN_KEY}`, ...headers };
    this.request = request(
      new URL(path, base),
      {
        method: body ? 'POST' : 'GET',
        headers: body ? { 'content-type': 'application/json', ...given } : given,
        agent: false,
      },
      (response) => {
        this.response = response;
        this.status = response.statusCode ?? 0;
        this.headers = response.headers;
        if (!paused) this.read();
      },
    );
    this.request.on('error', () => this.end());
    this.request.end(body && JSON.stringify(body));
  }

  /** Starts an execution whose stream is the answer. */
  static ofStart(base: string, body: object, headers: Record<string, string> = {}, query = ''): Watch {
    return new Watch(
      base,
      `/api/executions${query}`,
      { accept: 'text/event-stream', ...headers },
      false,
      body,
    );
  }

  /**
   * Waits until `condition` holds.
   * @throws Error when the stream ends or the time is up first
   */
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
      await Promise.race([new Promise<void>((resolve) => this.waiters.push(resolve)), sleep(50)]);
    }
    return this;
  }

  /**
   * Waits until the server ends the stream.
   * @throws Error when the time is up first
   */
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
        this.endsWithRetry = false;
        if (event === 'connection:established')
          this.established = { id, ...(JSON.parse(data) as object) } as Established;
        else
          this.frames.push({ id: Number(id), cursor: id ?? '', type: event ?? '', data: JSON.parse(data) });
      },
      onRetry: () => (this.endsWithRetry = true),
      onComment: () => (this.comments += 1),
    });
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      parser.feed(text);
      this.notify();
    });
    response.on('end', () => this.end());
    response.on('error', () => this.end());
    response.on('close', () => this.end());
  }

  private end(): void {
    this.ended = true;
    this.notify();
  }

  private notify(): void {
    const { waiters } = this;
    this.waiters = [];
    for (const resolve of waiters) resolve();
  }
}

/** 1, 2, 3 … n. */
export const upTo = (n: number): number[] => Array.from({ length: n }, (_unused, index) => index + 1);
/** The ids of the frames in the plain text of a stream. */
export const idsIn = (text: string): number[] =>
  [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
export const pathOf = (id: string): string => `/api/executions/${id}/stream`;
export const ids = (frames: readonly Frame[]): number[] => frames.map((frame) => frame.id);

/** An agent node that uses the demo model. */
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
