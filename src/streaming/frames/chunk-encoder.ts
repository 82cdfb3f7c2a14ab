import type { HttpChunk } from './http-chunk.js';

export interface EncodeOptions {
  /** Whether other streams write the same chunk, so that they can share its encoded form. */
  readonly isShared: boolean;
}

/** Applies a content coding to the body of one response. A response without a content coding has no encoder. */
export interface ChunkEncoder {
  /**
   * Encodes the next chunk of the body. The caller writes the result at once, because it depends on all chunks before.
   * @param options only for a chunk that differs from the usual ones of the stream
   */
  encode(chunk: HttpChunk, options?: EncodeOptions): HttpChunk;
  /** Returns the last bytes of the body. Must be called once, after the last chunk. */
  end(): Buffer;
}
