const CRLF = 2;

/**
 * Frames joined to one buffer, which any number of streams write. It is kept with the framing of an HTTP chunk around
 * it (RFC 9112, section 7.1): a stream then costs one write of one buffer, where `response.write` makes four.
 */
export class HttpChunk {
  /** Room that `around` needs before the frames: a size line of eight digits. */
  static readonly ROOM_BEFORE = 8 + CRLF;
  /** Room that `around` needs behind the frames. */
  static readonly ROOM_BEHIND = CRLF;

  private constructor(
    /** Size line, body, line end. */
    readonly framed: Buffer,
    private readonly start: number,
    /** Of the frames alone. */
    readonly bytes: number,
  ) {}

  static of(text: string): HttpChunk {
    const bytes = Buffer.byteLength(text);
    const size = bytes.toString(16);
    return new HttpChunk(Buffer.from(`${size}\r\n${text}\r\n`), size.length + CRLF, bytes);
  }

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

  /** Frames as they lie in a buffer, from `start` to `end`, with room around them. */
  static around(buffer: Buffer, start: number, end: number): HttpChunk {
    const line = `${(end - start).toString(16)}\r\n`;
    buffer.write(line, start - line.length, 'latin1');
    buffer.write('\r\n', end, 'latin1');
    return new HttpChunk(buffer.subarray(start - line.length, end + CRLF), line.length, end - start);
  }

  /** The frames alone; a view into `framed`, made when asked for. */
  get body(): Buffer {
    return this.framed.subarray(this.start, this.start + this.bytes);
  }
}
