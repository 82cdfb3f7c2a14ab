import { once } from 'node:events';
import { type ClientRequest, get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { constants, createGunzip } from 'node:zlib';
import { ADMIN_KEY } from './server.js';

/** The recorded events of a stream, byte for byte: without the greeting and heartbeats. */
export const eventsIn = (text: string): string =>
  [...text.matchAll(/^event: execution:.*\ndata: .*\nid: .*\n\n/gm)].join('');

/** One compressed stream: its bytes as they came, and what a decoder of Node's makes of them at once. */
export class GzipWatch {
  readonly pieces: Buffer[] = [];
  text = '';
  headers: IncomingHttpHeaders = {};
  response: IncomingMessage | undefined;
  private readonly request: ClientRequest;
  private readonly gunzip = createGunzip({ flush: constants.Z_SYNC_FLUSH });
  private readonly over = Promise.withResolvers<void>();
  private wake = Promise.withResolvers<void>();
  private ended = false;

  /** @param paused nothing is read until `read` is called */
  constructor(base: string, path: string, headers: Record<string, string> = {}, paused = false) {
    const options = {
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'accept-encoding': 'gzip', ...headers },
      agent: false as const,
    };
    this.over.promise.catch(() => undefined);
    this.request = get(new URL(path, base), options, (response) => {
      this.response = response;
      this.headers = response.headers;
      this.gunzip.on('data', (data: Buffer) => this.stir((this.text += data.toString())));
      this.gunzip.on('end', () => this.end());
      this.gunzip.on('error', (error) => this.end(error));
      response.on('error', (error) => this.end(error));
      if (!paused) this.read();
      this.stir();
    });
    this.request.on('error', (error) => this.end(error));
  }

  read(): void {
    this.response!.on('data', (data: Buffer) => {
      this.pieces.push(data);
      this.gunzip.write(data);
    });
    this.response!.on('end', () => this.gunzip.end());
  }

  /** The body as it came. */
  get raw(): Buffer {
    return Buffer.concat(this.pieces);
  }

  /** Waits until `condition` holds; fails when the stream ends before. */
  async until(condition: (watch: GzipWatch) => boolean): Promise<this> {
    while (!condition(this)) {
      if (this.ended) throw new Error(`the stream ended after: ${this.text.slice(-300)}`);
      await this.wake.promise;
    }
    return this;
  }

  /** Waits for the end of the body, which is right to the CRC. */
  async done(): Promise<this> {
    await this.over.promise;
    return this;
  }

  async leave(): Promise<void> {
    const closed = once(this.request, 'close');
    this.request.destroy();
    await closed;
  }

  private end(error?: Error): void {
    this.ended = true;
    if (error) this.over.reject(error);
    else this.over.resolve();
    this.stir();
  }

  private stir(_cause?: unknown): void {
    this.wake.resolve();
    this.wake = Promise.withResolvers<void>();
  }
}
