const CRLF = 2;

/**
 * Frames in one buffer that any number of streams write. The buffer includes the framing of an HTTP chunk (RFC 9112,
 * section 7.1), so that a stream costs one write of one buffer. `response.write` makes four writes.
 */
export class HttpChunk {
  /** Bytes that `around` needs before the frames: a size line with eight digits. */
  static readonly BYTES_BEFORE = 8 + CRLF;
  /** Bytes that `around` needs after the frames. */
  static readonly BYTES_AFTER = CRLF;

  private constructor(
    /** Size line, body and line end. */
    readonly framed: Buffer,
    private readonly start: number,
    /** Bytes of the body. */
    readonly bytes: number,
  ) {}

  /** Encodes a text. */
  static of(text: string): HttpChunk {
    const bytes = Buffer.byteLength(text);
    const size = bytes.toString(16);
    return new HttpChunk(Buffer.from(`${size}\r\n${text}\r\n`), size.length + CRLF, bytes);
  }

  /**
   * Copies buffers into one chunk.
   * @param bytes of all buffers together
   */
  static join(bodies: readonly Buffer[], bytes: number): HttpChunk {
    const size = bytes.toString(16);
    const start = size.length + CRLF;
    const framed = Buffer.allocUnsafe(start + bytes + CRLF);
    framed.write(`${size}\r\n`, 0, 'latin1');
    let at = start;
    for (const body of bodies) at += body.copy(framed, at);
    framed.write('\r\n', at, 'latin1');
    return new HttpChunk(framed, start, bytes);
  }

  /** Writes the framing around the bytes from `start` to `end` of a buffer, which must have space for it. */
  static around(buffer: Buffer, start: number, end: number): HttpChunk {
    const line = `${(end - start).toString(16)}\r\n`;
    buffer.write(line, start - line.length, 'latin1');
    buffer.write('\r\n', end, 'latin1');
    return new HttpChunk(buffer.subarray(start - line.length, end + CRLF), line.length, end - start);
  }

  /** The body as a view into `framed`, made on each call. */
  get body(): Buffer {
    return this.framed.subarray(this.start, this.start + this.bytes);
  }
}
