import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { NodeError } from '../extension/node-handler.js';

const DECODERS: Record<string, () => NodeJS.ReadWriteStream> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};
/** Encodings of the registry of IANA that are not supported. A message does not repeat any other name that a server sends. */
const REGISTERED = new Set([
  'aes128gcm',
  'compress',
  'dcb',
  'dcz',
  'exi',
  'pack200-gzip',
  'x-compress',
  'zstd',
]);
/** The value of `Accept-Encoding` that matches the decoders of `readBody`. */
export const ACCEPTED_ENCODINGS = 'gzip, deflate, br';

/** How long `readBeginning` waits for a body. */
const BEGINNING_TIMEOUT_MS = 1_000;

/**
 * Reads the beginning of a body, and closes the connection if there is more. A body that breaks off or takes longer than 1 s
 * ends where it is.
 */
export async function readBeginning(raw: Readable, maxBytes: number): Promise<Buffer> {
  const timer = setTimeout(() => raw.destroy(), BEGINNING_TIMEOUT_MS);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of raw as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxBytes) break;
    }
  } catch {
    // What has arrived is enough.
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).subarray(0, maxBytes);
}

/**
 * Reads a body to its end. The limit applies to the decompressed bytes, so
 * that a small compressed body cannot grow without bound.
 * @throws NodeError `response_too_large`, `unknown_encoding`
 */
export async function readBody(
  raw: Readable,
  { 'content-encoding': encoding }: Readonly<Record<string, string>>,
  maxBytes: number,
): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase();
  const decoder = name && name !== 'identity' ? DECODERS[name] : undefined;
  if (name && name !== 'identity' && !decoder) {
    // An early destroy emits an error on the stream; without a listener it would end the process.
    raw.on('error', () => undefined).destroy();
    throw new NodeError(
      'unknown_encoding',
      `The response is encoded ${REGISTERED.has(name) ? `as "${name}"` : 'in an unknown way'}; the supported encodings are ${ACCEPTED_ENCODINGS}.`,
    );
  }
  // pipeline() forwards errors to the decoder and destroys both streams, so its callback has nothing to do.
  const body = decoder ? (pipeline(raw, decoder(), () => undefined) as unknown as Readable) : raw;
  const chunks: Buffer[] = [];
  let bytes = 0;
  // An early exit from the loop destroys the stream, and with it the connection.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes)
      throw new NodeError(
        'response_too_large',
        `The response has more than ${maxBytes} bytes (HTTP_RESPONSE_MAX_BYTES). Request less data.`,
      );
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
