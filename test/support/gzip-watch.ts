import { once } from 'node:events';
import { type ClientRequest, get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { constants, createGunzip } from 'node:zlib';
import { ADMIN_KEY } from './server.js';

/** Returns the recorded events of a stream byte for byte, without `connection:established` and heartbeats. */
export const eventsIn = (text: string): string =>
  [...text.matchAll(/^event: execution:.*\ndata: .*\nid: .*\n\n/gm)].join('');

/** One connection to a compressed stream: the received bytes, and the text that Node's decoder makes of them. */
export class GzipWatch {
  readonly pieces: Buffer[] = [];
  text = '';
  headers: IncomingHttpHeaders = {};
  response: IncomingMessage | undefined;
  private readonly request: ClientRequest;
  private readonly gunzip = createGunzip({ flush: constants.Z_SYNC_FLUSH });
  private readonly finished = Promise.withResolvers<void>();
  private wake = Promise.withResolvers<void>();
  private ended = false;

  /** @param paused reads nothing until `read` is called */
  constructor(base: string, path: string, headers: Record<string, string> = {}, paused = false) {
    const options = {
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'accept-encoding': 'gzip', ...headers },
      agent: false as const,
    };
    this.finished.promise.catch(() => undefined);
    this.request = get(new URL(path, base), options, (response) => {
      this.response = response;
      this.headers = response.headers;
      this.gunzip.setEncoding('utf8').on('data', (text: string) => this.append(text));
      this.gunzip.on('end', () => this.end());
      this.gunzip.on('error', (error) => this.end(error));
      response.on('error', (error) => this.end(error));
      if (!paused) this.read();
      this.notify();
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

  /** The compressed body as received. */
  get raw(): Buffer {
    return Buffer.concat(this.pieces);
  }

  /**
   * Waits until `condition` holds.
   * @throws Error when the stream ends first
   */
  async until(condition: (watch: GzipWatch) => boolean): Promise<this> {
    while (!condition(this)) {
      if (this.ended) throw new Error(`the stream ended after: ${this.text.slice(-300)}`);
      await this.wake.promise;
    }
    return this;
  }

  /**
   * Waits for the end of the body.
   * @throws Error when it is not valid gzip, CRC included
   */
  async done(): Promise<this> {
    await this.finished.promise;
    return this;
  }

  async disconnect(): Promise<void> {
    const closed = once(this.request, 'close');
    this.request.destroy();
    await closed;
  }

  private end(error?: Error): void {
    this.ended = true;
    if (error) this.finished.reject(error);
    else this.finished.resolve();
    this.notify();
  }

  private append(text: string): void {
    this.text += text;
    this.notify();
  }

  private notify(): void {
    this.wake.resolve();
    this.wake = Promise.withResolvers<void>();
  }
}
