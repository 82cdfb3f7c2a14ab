import type { ServerResponse } from 'node:http';
import { HttpChunk } from '../frames/http-chunk.js';
import { type Compressor, type Packed, packedOf } from './compressor.js';
import { crcCombine } from './crc-combine.js';
import { CompressionWindow } from './compression-window.js';

/** Deflate, no name, no time, of whatever system (RFC 1952, section 2.3). */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** The last block: nothing, in fixed codes. */
const LAST_BLOCK = [3, 0];

/** Whether a body has its pieces in common with others. */
export type Sharing = 'shared' | 'own';

/**
 * One response as one gzip member: a header, pieces that it shares with others or has for itself, and at the end the CRC
 * of what this one was sent. One member, for Chromium stops behind the first.
 */
export class GzipBody {
  private crc = 0;
  private length = 0;
  private begun = false;
  /** A piece for this body alone may repeat what came before it: most of a cursor, above all. */
  private readonly recent: CompressionWindow | undefined;

  private constructor(
    private readonly compressor: Compressor,
    pieces: Sharing,
    private readonly send: (bytes: Buffer) => boolean,
  ) {
    if (pieces === 'own') this.recent = new CompressionWindow();
  }

  /**
   * Makes a body of a response whose headers are not sent yet. What others write to the response, and its end, become
   * part of it.
   */
  static of(response: ServerResponse, compressor: Compressor, pieces: Sharing): GzipBody {
    response.setHeader('Content-Encoding', 'gzip');
    const write = response.write.bind(response) as (bytes: Buffer) => boolean;
    const end = response.end.bind(response) as (
      bytes: Buffer | undefined,
      done?: () => void,
    ) => ServerResponse;
    const body = new GzipBody(compressor, pieces, write);
    let ended = false;
    response.write = (data: string | Uint8Array): boolean => {
      body.begin();
      const bytes = Buffer.from(data as string);
      return write(body.add(bytes, packedOf(bytes, false)).body);
    };
    response.end = (done?: unknown): ServerResponse => {
      body.begin();
      const callback = typeof done === 'function' ? (done as () => void) : undefined;
      if (ended) return end(undefined, callback);
      ended = true;
      return end(body.trailer(), callback);
    };
    return body;
  }

  /**
   * The chunk as the next piece of this body; to be written at once.
   * @param pieces whether others write the chunk too, if it differs from the body's other ones
   */
  encode(chunk: HttpChunk, pieces?: Sharing): HttpChunk {
    this.begin();
    const packed =
      this.recent && pieces !== 'shared'
        ? this.compressor.packOwn(chunk, this.recent.bytes)
        : this.compressor.pack(chunk);
    const { stats } = this.compressor;
    const saved = packed.bytes - packed.chunk.body.length;
    stats.bytes -= saved;
    if (saved > 0) stats.bytesSaved += saved;
    return this.add(chunk.body, packed);
  }

  /**
   * Writes the chunk through the response, where nothing may be written past it.
   * @returns whether more may be written
   */
  write(chunk: HttpChunk, pieces?: Sharing): boolean {
    return this.send(this.encode(chunk, pieces).body);
  }

  private begin(): void {
    if (this.begun) return;
    this.begun = true;
    this.send(HEADER);
  }

  private add(plain: Buffer, { chunk, crc, bytes, shift }: Packed): HttpChunk {
    this.recent?.push(plain);
    this.crc = crcCombine(this.crc, crc, shift);
    this.length += bytes;
    return chunk;
  }

  private trailer(): Buffer {
    const trailer = Buffer.alloc(LAST_BLOCK.length + 8);
    trailer.set(LAST_BLOCK);
    trailer.writeUInt32LE(this.crc, LAST_BLOCK.length);
    trailer.writeUInt32LE(this.length % 2 ** 32, LAST_BLOCK.length + 4);
    return trailer;
  }
}
