import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { NodeError } from '../extension/node-handler.js';
import { decodeText } from './text-encoding.js';

const DECODERS: Record<string, () => NodeJS.ReadWriteStream> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};
/** For `Accept-Encoding`: what `readBody` understands. */
export const ACCEPTED_ENCODINGS = 'gzip, deflate, br';

/**
 * Reads a body to its end as text, in the charset that its content type names. What counts is what comes out of decompression, so that a small
 * body can't become a huge one.
 * @throws NodeError `response_too_large`, `unknown_encoding`
 */
export async function readBody(
  raw: Readable,
  { 'content-encoding': encoding, 'content-type': contentType }: Readonly<Record<string, string>>,
  mostBytes: number,
): Promise<string> {
  const name = encoding?.trim().toLowerCase();
  const decoder = name && name !== 'identity' ? DECODERS[name] : undefined;
  if (name && name !== 'identity' && !decoder) {
    // Destroying it early is an error to the stream, which would end the process if nobody listened.
    raw.on('error', () => undefined).destroy();
    throw new NodeError(
      'unknown_encoding',
      `The answer is encoded as "${name.slice(0, 40)}"; only ${ACCEPTED_ENCODINGS} are understood.`,
    );
  }
  // pipeline() passes errors on and destroys both ends; its callback has nothing to add.
  const body = decoder ? (pipeline(raw, decoder(), () => undefined) as unknown as Readable) : raw;
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop destroys the stream, and with it the connection.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes)
      throw new NodeError(
        'response_too_large',
        `The answer has more than ${mostBytes} bytes (HTTP_RESPONSE_MAX_BYTES).`,
      );
    chunks.push(chunk);
  }
  return decodeText(Buffer.concat(chunks), contentType);
}
