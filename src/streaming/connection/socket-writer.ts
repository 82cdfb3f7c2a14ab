import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpChunk } from '../frames/http-chunk.js';
import type { GzipBody, Sharing } from '../gzip/gzip-body.js';

/** Writes shared chunks to one response and knows when its socket is full. */
export class SocketWriter {
  /** Whether the socket is full; nothing may be written until `onDrain` is called. */
  blocked = false;
  /** What is written becomes part of it, if the stream is compressed. */
  gzip: GzipBody | undefined;
  /** Looked for once: what is written at a time is little, and looking at cold objects takes as long as writing. */
  private direct: Socket | undefined;

  /** @param onDrain called when a full socket has taken everything */
  constructor(
    private readonly response: ServerResponse,
    private readonly onDrain: () => void,
  ) {}

  /**
   * @param pieces whether other streams write the chunk too, if it differs from what is usual for this one
   * @returns whether more may be written
   */
  write(chunk: HttpChunk, pieces?: Sharing): boolean {
    const direct = (this.direct ??= this.findDirect());
    const { gzip } = this;
    const more = direct
      ? direct.write((gzip ? gzip.encode(chunk, pieces) : chunk).framed)
      : gzip
        ? gzip.write(chunk, pieces)
        : this.response.write(chunk.body);
    if (more || this.blocked) return more;
    this.blocked = true;
    (direct ?? this.response).once('drain', () => {
      this.blocked = false;
      this.onDrain();
    });
    return false;
  }

  /**
   * The socket, if chunks can be written to it past the response: the headers are sent, it waits behind no other answer of its
   * connection, it is not to HTTP/1.0, which knows no chunks, nor to HEAD, which gets no body.
   */
  private findDirect(): Socket | undefined {
    const { socket, chunkedEncoding, headersSent, req } = this.response;
    return socket && chunkedEncoding && headersSent && req.method !== 'HEAD' ? socket : undefined;
  }

  /** Whether everything is over, the last byte taken included. */
  get isClosed(): boolean {
    // Of an answer that has not had its turn yet only the request knows that the connection is gone.
    return this.response.destroyed || this.response.writableFinished || this.response.req.socket.destroyed;
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
