const CRLF = 2;

/**
 * Frames joined to one buffer, which any number of streams write. It is kept with the framing of an HTTP chunk around
 * it (RFC 9112, section 7.1): a stream then costs one write of one buffer, where `response.write` makes four.
 */
export class Chunk {
  private constructor(
    /** Size line, body, line end. */
    readonly framed: Buffer,
    private readonly start: number,
    /** Of the frames alone. */
    readonly bytes: number,
  ) {}

  static of(text: string): Chunk {
    const bytes = Buffer.byteLength(text);
    const size = bytes.toString(16);
    return new Chunk(Buffer.from(`${size}\r\n${text}\r\n`), size.length + CRLF, bytes);
  }

  static join(bodies: readonly Buffer[], bytes: number): Chunk {
    const size = bytes.toString(16);
    const start = size.length + CRLF;
    const framed = Buffer.allocUnsafe(start + bytes + CRLF);
    framed.write(`${size}\r\n`, 0, 'latin1');
    let at = start;
    for (const body of bodies) at += body.copy(framed, at);
    framed.write('\r\n', at, 'latin1');
    return new Chunk(framed, start, bytes);
  }

  /**
   * The frames alone; a view into `framed`. Made when asked for: rings keep a chunk for each recent event, and a view
   * for each would be a third more for the collector to carry about.
   */
  get body(): Buffer {
    return this.framed.subarray(this.start, this.start + this.bytes);
  }
}
