import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ChunkEncoder, EncodeOptions } from '../frames/chunk-encoder.js';
import type { HttpChunk } from '../frames/http-chunk.js';

/** Is notified when a full socket has taken everything. An object and not a function, so that a stream costs no closure. */
export interface DrainListener {
  onDrain(): void;
}

/** Writes shared chunks to one response and knows when its socket is full. */
export class SocketWriter {
  /** Whether the socket is full. Nothing may be written until the listener is notified. */
  isBlocked = false;
  /**
   * Looked up once. The lookup reads several objects that are seldom in the CPU's cache, and so would take as long as a
   * write.
   */
  private direct: Socket | undefined;

  constructor(
    private readonly response: ServerResponse,
    private readonly encoder: ChunkEncoder | undefined,
    private readonly listener: DrainListener,
  ) {}

  /** @returns whether more may be written */
  write(chunk: HttpChunk, options?: EncodeOptions): boolean {
    const direct = (this.direct ??= this.findDirect());
    const encoded = this.encoder ? this.encoder.encode(chunk, options) : chunk;
    const more = direct ? direct.write(encoded.framed) : this.response.write(encoded.body);
    if (more || this.isBlocked) return more;
    this.isBlocked = true;
    (direct ?? this.response).once('drain', () => {
      this.isBlocked = false;
      this.listener.onDrain();
    });
    return false;
  }

  /**
   * Returns the socket if chunks can be written to it directly. That requires that the headers are sent, that the response
   * waits for no other response of its connection, and that it has a chunked body: not for HTTP/1.0, which has no chunks,
   * and not for HEAD, which has no body.
   */
  private findDirect(): Socket | undefined {
    const { socket, chunkedEncoding, headersSent, req } = this.response;
    return socket && chunkedEncoding && headersSent && req.method !== 'HEAD' ? socket : undefined;
  }

  /** Whether the response has ended and the socket has taken its last byte, or the connection is closed. */
  get isClosed(): boolean {
    // If a response still waits for another one of its connection, only its request knows that the connection is closed.
    return this.response.destroyed || this.response.writableFinished || this.response.req.socket.destroyed;
  }

  /** Bytes that the kernel has not taken yet. */
  get pendingBytes(): number {
    return this.response.socket?.writableLength ?? this.response.writableLength;
  }

  /** Null while the response waits for another one of its connection. */
  get socket(): ServerResponse['socket'] {
    return this.response.socket;
  }

  destroy(): void {
    this.response.destroy();
  }
}
