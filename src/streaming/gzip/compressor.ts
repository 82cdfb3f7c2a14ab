import { ByteLimitedCache } from '../../common/byte-limited-cache.js';
import type { HttpChunk } from '../frames/http-chunk.js';
import type { StreamStats } from '../stream-stats.js';
import { compressedSegment, type DeflateSegment, storedSegment } from './deflate-segment.js';

/** The fixed time to compress one segment, expressed in bytes that take as long (docs/adr/0008). */
const SEGMENT_COST_BYTES = 4096;
/** A segment that weighs more than this fraction of the cache would displace too many others. */
const LARGE_FRACTION = 1 / 8;
/** Approximate memory of a cache entry apart from its bytes. */
const ENTRY_BYTES = 256;

export interface CompressorLimits {
  /** Smaller chunks are stored: compressing them saves too little. */
  minBytes: number;
  /**
   * Plain bytes that are compressed in one iteration of the event loop, where each segment counts `SEGMENT_COST_BYTES`
   * more than it has. Further chunks are stored, so that compression does not block the event loop.
   */
  bytesPerIteration: number;
  /** Bytes of chunks kept for other streams, plain and compressed. */
  cacheBytes: number;
}

/** Compresses chunks, each once for all streams that share it, within a budget per iteration of the event loop. */
export class Compressor {
  private readonly cache: ByteLimitedCache<HttpChunk, DeflateSegment>;
  /** Segments too large for the cache. They live as long as their plain chunk. */
  private readonly large = new WeakMap<HttpChunk, DeflateSegment>();
  private budget: number;
  private isRefillScheduled = false;

  constructor(
    private readonly limits: CompressorLimits,
    readonly stats: StreamStats,
  ) {
    this.budget = limits.bytesPerIteration;
    this.cache = new ByteLimitedCache(limits.cacheBytes, weightOf);
  }

  /** Compresses a chunk that other streams send too. The result is cached. */
  compressShared(chunk: HttpChunk): DeflateSegment {
    const known = this.cache.peek(chunk) ?? this.large.get(chunk);
    if (known) return known;
    const { body } = chunk;
    const segment = this.spend(body.length) ? compressedSegment(body) : storedSegment(body);
    if (weightOf(segment) > this.limits.cacheBytes * LARGE_FRACTION) this.large.set(chunk, segment);
    else this.cache.set(chunk, segment);
    return segment;
  }

  /**
   * Compresses a chunk for one stream only. The result is not cached.
   * @param history the last plain bytes of that stream; text that the chunk repeats from them costs almost nothing
   */
  compressWithHistory({ body }: HttpChunk, history: Buffer): DeflateSegment {
    return this.spend(body.length) ? compressedSegment(body, history) : storedSegment(body);
  }

  /** Subtracts the cost of a chunk from the budget. Returns whether the budget allows compressing the chunk. */
  private spend(bytes: number): boolean {
    const cost = bytes + SEGMENT_COST_BYTES;
    if (bytes < this.limits.minBytes || cost > this.budget) return false;
    this.budget -= cost;
    if (!this.isRefillScheduled) {
      this.isRefillScheduled = true;
      setImmediate(() => {
        this.isRefillScheduled = false;
        this.budget = this.limits.bytesPerIteration;
      });
    }
    return true;
  }
}

/** The cached memory of a segment: its plain chunk, which is the key, and its own chunk. */
const weightOf = ({ bytes, chunk }: DeflateSegment): number => bytes + chunk.framed.length + ENTRY_BYTES;
