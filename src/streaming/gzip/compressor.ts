import { constants, crc32, deflateRawSync } from 'node:zlib';
import { HttpChunk } from '../frames/http-chunk.js';
import { crcShift } from './crc-combine.js';
import type { StreamStats } from '../stream-stats.js';

/** Higher levels take up to three times as long for a tenth less (docs/adr/0008). */
const LEVEL = 1;
/** To compress a piece takes as long as so many bytes more of it (docs/adr/0008). */
const PIECE_BYTES = 4096;
/** Of a stored block (RFC 1951, section 3.2.4). */
const STORED_MOST = 0xffff;

/** A chunk as a piece of a deflate stream that begins and ends at a byte and looks at nothing before it. */
export interface Packed {
  readonly chunk: HttpChunk;
  /** CRC-32, length and shift (see `crcShift`) of the plain bytes. */
  readonly crc: number;
  readonly bytes: number;
  readonly shift: number;
}

export interface CompressorLimits {
  /** Smaller chunks are not worth it. */
  minBytes: number;
  /**
   * Plain bytes compressed in one turn of the event loop, each piece with `PIECE_BYTES` besides. What is more goes as it is,
   * so that nobody waits.
   */
  turnBytes: number;
  /** Bytes of chunks kept for other streams, plain and compressed. */
  cacheBytes: number;
}

/** Compresses chunks, each once for all streams that take it, and so much a turn. */
export class Compressor {
  private readonly cache = new Map<HttpChunk, Packed>();
  /** What the cache has no room for, for as long as the plain chunk is of use to anybody. */
  private readonly large = new WeakMap<HttpChunk, Packed>();
  private cached = 0;
  private left: number;
  private resting = false;

  constructor(
    private readonly limits: CompressorLimits,
    readonly stats: StreamStats,
  ) {
    this.left = limits.turnBytes;
  }

  pack(chunk: HttpChunk): Packed {
    const known = this.cache.get(chunk) ?? this.large.get(chunk);
    if (known) return known;
    const packed = packedOf(chunk.body, this.mayCompress(chunk.body.length));
    this.keep(chunk, packed);
    return packed;
  }

  /**
   * A chunk that goes to one stream alone, and is not kept.
   * @param before the last plain bytes of that stream: what the chunk repeats of them costs nothing
   */
  packOwn({ body }: HttpChunk, before: Buffer): Packed {
    return packedOf(body, this.mayCompress(body.length), before);
  }

  private mayCompress(bytes: number): boolean {
    const work = bytes + PIECE_BYTES;
    if (bytes < this.limits.minBytes || work > this.left) return false;
    this.left -= work;
    if (!this.resting) {
      this.resting = true;
      setImmediate(() => {
        this.resting = false;
        this.left = this.limits.turnBytes;
      });
    }
    return true;
  }

  private keep(chunk: HttpChunk, packed: Packed): void {
    const weight = weightOf(chunk, packed);
    if (weight > this.limits.cacheBytes / LARGE_SHARE) {
      this.large.set(chunk, packed);
      return;
    }
    this.cache.set(chunk, packed);
    this.cached += weight;
    for (const [oldest, itsPacked] of this.cache) {
      if (this.cached <= this.limits.cacheBytes) break;
      this.cache.delete(oldest);
      this.cached -= weightOf(oldest, itsPacked);
    }
  }
}

/** @param before the last bytes before it, in a stream that takes it alone */
export function packedOf(body: Buffer, compress: boolean, before?: Buffer): Packed {
  const deflated = compress
    ? deflateRawSync(body, {
        level: LEVEL,
        finishFlush: constants.Z_FULL_FLUSH,
        ...(before && before.length > 0 && { dictionary: before }),
      })
    : undefined;
  const pieces = deflated && deflated.length < body.length ? [deflated] : storedBlocks(body);
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
  return {
    chunk: HttpChunk.join(pieces, bytes),
    crc: crc32(body),
    bytes: body.length,
    shift: crcShift(body.length),
  };
}

/** Blocks without compression, none of them the last one. */
function storedBlocks(body: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += STORED_MOST) {
    const data = body.subarray(at, at + STORED_MOST);
    const head = Buffer.alloc(5);
    head.writeUInt16LE(data.length, 1);
    head.writeUInt16LE(data.length ^ STORED_MOST, 3);
    pieces.push(head, data);
  }
  return pieces;
}

/** What weighs more than this part of the cache would leave no room for others. */
const LARGE_SHARE = 8;

const weightOf = (chunk: HttpChunk, packed: Packed): number =>
  chunk.framed.length + packed.chunk.framed.length + ENTRY_BYTES;
/** What an entry weighs beside its bytes, about. */
const ENTRY_BYTES = 256;
