import type { ServerResponse } from 'node:http';
import type { ChunkEncoder, EncodeOptions } from '../frames/chunk-encoder.js';
import type { HttpChunk } from '../frames/http-chunk.js';
import { CompressionWindow } from './compression-window.js';
import type { Compressor } from './compressor.js';
import { crcCombine } from './crc-combine.js';

/** Deflate, no file name, no time, unknown operating system (RFC 1952, section 2.3). */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** The last block of the deflate stream: empty, with fixed codes. */
const LAST_BLOCK = [3, 0];

/**
 * Encodes one response as one gzip member: a header, segments that are shared with other responses or belong to this one
 * alone, and a trailer with the CRC of all bytes of this response. It is one member because Chromium stops after the
 * first.
 */
export class GzipBody implements ChunkEncoder {
  private crc = 0;
  private length = 0;
  private hasBegun = false;
  /** The last plain bytes of this response, which its own segments may refer to: most of a cursor repeats the one before. */
  private readonly history: CompressionWindow | undefined;

  /** @param options `sharesChunks`: whether other streams usually write the same chunks */
  constructor(
    private readonly response: ServerResponse,
    private readonly compressor: Compressor,
    options: { sharesChunks: boolean },
  ) {
    if (!options.sharesChunks) this.history = new CompressionWindow();
  }

  encode(chunk: HttpChunk, options?: EncodeOptions): HttpChunk {
    this.begin();
    const { history, compressor } = this;
    const segment =
      history && !options?.isShared
        ? compressor.compressWithHistory(chunk, history.bytes)
        : compressor.compressShared(chunk);
    const saved = segment.bytes - segment.chunk.bytes;
    compressor.stats.bytes -= saved;
    if (saved > 0) compressor.stats.bytesSaved += saved;
    history?.push(chunk.body);
    this.crc = crcCombine(this.crc, segment.crc, segment.shift);
    this.length += segment.bytes;
    return segment.chunk;
  }

  end(): Buffer {
    this.begin();
    const trailer = Buffer.alloc(LAST_BLOCK.length + 8);
    trailer.set(LAST_BLOCK);
    trailer.writeUInt32LE(this.crc, LAST_BLOCK.length);
    trailer.writeUInt32LE(this.length % 2 ** 32, LAST_BLOCK.length + 4);
    return trailer;
  }

  private begin(): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    this.response.write(HEADER);
  }
}
