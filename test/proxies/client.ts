import { request as request1 } from 'node:http';
import { connect as connect2 } from 'node:http2';
import type { Readable } from 'node:stream';
import { constants, createGunzip } from 'node:zlib';

interface Call {
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
  /** Address to call from, over HTTP/1.1. */
  from?: string;
}

export interface Frame {
  /** Time of arrival of its last byte, in ms since the epoch. */
  at: number;
  id: string;
  type: string;
  data: Record<string, unknown>;
}

export type Fetch = (path: string, call?: Call) => Promise<Reply>;

const DEADLINE_MS = 30_000;
const now = (): number => performance.timeOrigin + performance.now();

/** An answer whose body is read as it arrives. */
export class Reply {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly frames: Frame[] = [];
  text = '';
  hasEnded = false;
  /** Time of arrival of the first byte of the body, in ms since the epoch. */
  firstByteAt: number | undefined;
  private rest = '';
  private wake = Promise.withResolvers<void>();
  private readonly leave: () => void;

  constructor(status: number, headers: Record<string, unknown>, body: Readable, leave: () => void) {
    this.status = status;
    this.headers = headers;
    this.leave = leave;
    const isGzip = headers['content-encoding'] === 'gzip';
    const plain = isGzip ? body.pipe(createGunzip({ flush: constants.Z_SYNC_FLUSH })) : body;
    plain.setEncoding('utf8').on('data', (text: string) => this.take(text));
    for (const end of ['end', 'error', 'close'] as const) plain.on(end, () => this.end());
    body.on('error', () => this.end()).on('close', () => !isGzip && this.end());
  }

  get json(): Record<string, unknown> {
    return JSON.parse(this.text) as Record<string, unknown>;
  }

  /** Waits for a condition. @returns whether it held before the deadline and before the end of the answer */
  async until(condition: (reply: Reply) => boolean, ms = DEADLINE_MS): Promise<boolean> {
    const deadline = Date.now() + ms;
    while (!condition(this)) {
      const left = deadline - Date.now();
      if (left <= 0 || this.hasEnded) return false;
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise((resolve) => (timer = setTimeout(resolve, left)));
      await Promise.race([this.wake.promise, late]);
      clearTimeout(timer);
    }
    return true;
  }

  async done(): Promise<this> {
    await this.until(({ hasEnded }) => hasEnded);
    this.close();
    return this;
  }

  close(): void {
    this.leave();
  }

  private take(text: string): void {
    const at = now();
    this.firstByteAt ??= at;
    this.text += text;
    const blocks = (this.rest + text).split('\n\n');
    this.rest = blocks.pop()!;
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
      const [id, type, data] = [field('id'), field('event'), field('data')];
      if (type.startsWith('execution:')) this.frames.push({ at, id, type, data: JSON.parse(data) });
    }
    this.notify();
  }

  private end(): void {
    this.hasEnded = true;
    this.notify();
  }

  private notify(): void {
    this.wake.resolve();
    this.wake = Promise.withResolvers<void>();
  }
}

const headersOf = ({ headers, body }: Call): Record<string, string> => ({
  'accept-encoding': 'gzip',
  ...(body !== undefined && { 'content-type': 'application/json' }),
  ...headers,
});

/** Sends requests over HTTP/1.1, each on a connection of its own. */
export const overHttp1 =
  (origin: string): Fetch =>
  (path, call = {}) =>
    new Promise((resolve, reject) => {
      const request = request1(new URL(path, origin), {
        method: call.method ?? 'GET',
        headers: headersOf(call),
        agent: false,
        timeout: DEADLINE_MS,
        ...(call.from !== undefined && { localAddress: call.from }),
      });
      request.on('response', (response) =>
        resolve(new Reply(response.statusCode!, response.headers, response, () => request.destroy())),
      );
      request.on('error', reject).on('timeout', () => request.destroy(new Error(`${path}: no answer`)));
      request.end(call.body === undefined ? undefined : JSON.stringify(call.body));
    });

/** Sends requests over HTTP/2 without TLS, each on a connection of its own. */
export const overHttp2 =
  (origin: string): Fetch =>
  (path, call = {}) =>
    new Promise((resolve, reject) => {
      const session = connect2(origin);
      session.on('error', reject);
      const stream = session.request({
        ':path': path,
        ':method': call.method ?? 'GET',
        ...headersOf(call),
      });
      stream.setTimeout(DEADLINE_MS, () => stream.destroy(new Error(`${path}: no answer`)));
      stream.on('error', reject).on('response', (headers) => {
        stream.setTimeout(0);
        resolve(new Reply(Number(headers[':status']), { ...headers }, stream, () => session.destroy()));
      });
      stream.end(call.body === undefined ? undefined : JSON.stringify(call.body));
    });
