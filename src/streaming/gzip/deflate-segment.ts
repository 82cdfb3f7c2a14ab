import { constants, crc32, deflateRawSync } from 'node:zlib';
import { HttpChunk } from '../frames/http-chunk.js';
import { crcShift } from './crc-combine.js';

/** Higher levels take up to three times as long for a tenth fewer bytes (docs/adr/0008). */
const LEVEL = 1;
/** Largest stored block (RFC 1951, section 3.2.4). */
const STORED_MAX_BYTES = 0xffff;

/** A part of a deflate stream that begins and ends at a byte boundary, and the checksum of its plain bytes. */
export interface DeflateSegment {
  /** The deflated bytes. */
  readonly chunk: HttpChunk;
  /** CRC-32, length and `crcShift` of the plain bytes. */
  readonly crc: number;
  readonly bytes: number;
  readonly shift: number;
}

/** Makes a segment of stored blocks, which add a header to the plain bytes and cost almost no time. */
export const storedSegment = (body: Buffer): DeflateSegment => segmentOf(body, storedBlocks(body));

/**
 * Makes a compressed segment, or a stored one where compression saves nothing.
 * @param history the last bytes of the stream before this segment; the segment then fits only after them. Without
 * history the segment fits anywhere.
 */
export function compressedSegment(body: Buffer, history?: Buffer): DeflateSegment {
  const deflated = deflateRawSync(body, {
    level: LEVEL,
    finishFlush: constants.Z_FULL_FLUSH,
    ...(history && history.length > 0 && { dictionary: history }),
  });
  return deflated.length < body.length ? segmentOf(body, [deflated]) : storedSegment(body);
}

function segmentOf(body: Buffer, blocks: readonly Buffer[]): DeflateSegment {
  const bytes = blocks.reduce((sum, { length }) => sum + length, 0);
  return {
    chunk: HttpChunk.join(blocks, bytes),
    crc: crc32(body),
    bytes: body.length,
    shift: crcShift(body.length),
  };
}

/** Blocks without compression; none is marked as the last one of the deflate stream. */
function storedBlocks(body: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = 0; at < body.length; at += STORED_MAX_BYTES) {
    const data = body.subarray(at, at + STORED_MAX_BYTES);
    const header = Buffer.alloc(5);
    header.writeUInt16LE(data.length, 1);
    header.writeUInt16LE(data.length ^ STORED_MAX_BYTES, 3);
    blocks.push(header, data);
  }
  return blocks;
}
