import type { ServerResponse } from 'node:http';
import type { Chunk } from './chunk.js';
import type { GzipBody } from './gzip-body.js';

/** Writes shared chunks to one response and knows when its socket is full. */
export class StreamWriter {
  /** Whether the socket is full; nothing may be written until `onDrain` is called. */
  blocked = false;
  /** What is written becomes part of it, if the stream is compressed. */
  gzip: GzipBody | undefined;

  /** @param onDrain called when a full socket has taken everything */
  constructor(
    private readonly response: ServerResponse,
    private readonly onDrain: () => void,
  ) {}

  /** @returns whether more may be written */
  write(chunk: Chunk): boolean {
    const { response } = this;
    const { socket } = response;
    // Nest has sent the headers. A response that waits behind another on its connection has no socket yet; one to
    // HTTP/1.0 has no chunks, and one to HEAD no body.
    const direct =
      socket && response.chunkedEncoding && response.headersSent && response.req.method !== 'HEAD';
    const target = direct ? socket : response;
    // A compressed response makes what is written to it part of its body by itself.
    const framed = direct && (this.gzip ? this.gzip.encode(chunk) : chunk).framed;
    if (framed ? socket.write(framed) : response.write(chunk.body)) return true;
    this.blocked = true;
    target.once('drain', () => {
      this.blocked = false;
      this.onDrain();
    });
    return false;
  }

  /** Whether everything is over, the last byte taken included. */
  get gone(): boolean {
    return this.response.destroyed || this.response.writableFinished;
  }

  /** Bytes that are still to be taken. */
  get waiting(): number {
    return this.response.socket?.writableLength ?? this.response.writableLength;
  }

  get socket(): ServerResponse['socket'] {
    return this.response.socket;
  }

  destroy(): void {
    this.response.destroy();
  }
}
