import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, get, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { HttpChunk } from '../frames/http-chunk.js';
import { Compressor } from './compressor.js';
import { GzipBody } from './gzip-body.js';
import { CompressionWindow } from './compression-window.js';
import { StreamStats } from '../stream-stats.js';
import { SocketWriter } from '../connection/socket-writer.js';

const limits = { minBytes: 50, bytesPerIteration: 200_000, cacheBytes: 100_000 };
const listener = { onDrain: () => undefined };

/** Returns the raw body of a response, without the framing of its HTTP chunks. */
async function bodyOf(answer: (response: ServerResponse) => Promise<void> | void): Promise<Buffer> {
  const server = createServer((_request, response) => void answer(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const received: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false }, (response) =>
      response
        .on('data', (data: Buffer) => received.push(data))
        .on('end', resolve)
        .on('error', reject),
    ).on('error', reject);
  });
  server.close();
  return Buffer.concat(received);
}

const text = fc.oneof(
  fc.string({ minLength: 1, maxLength: 300, unit: 'grapheme' }),
  // Compresses well; more than one stored block; more than is compressed in one iteration of the event loop.
  fc.nat(3000).map((n) => `data: ${'token '.repeat(n)}\n\n`),
  fc.constantFrom('x'.repeat(65_535), 'y'.repeat(65_536), 'z'.repeat(250_000)),
);

describe('GzipBody', () => {
  it('is one gzip member with all chunks in order, written to the socket or through the response', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ content: text, again: fc.boolean(), through: fc.boolean() }), { maxLength: 12 }),
        fc.boolean(),
        async (writes, sharesChunks) => {
          const compressor = new Compressor(limits, new StreamStats());
          let expected = '';
          const raw = await bodyOf(async (response) => {
            const body = new GzipBody(response, compressor, { sharesChunks });
            const writer = new SocketWriter(response, body, listener);
            response.writeHead(200);
            response.flushHeaders();
            for (const { content, again, through } of writes) {
              const chunk = HttpChunk.of(content);
              for (let times = again ? 2 : 1; times > 0; times -= 1) {
                expected += content;
                if (through) response.write(body.encode(chunk).body);
                else writer.write(chunk, again ? { isShared: true } : undefined);
              }
              if (through) await new Promise(setImmediate);
            }
            response.end(body.end());
          });
          expect(gunzipSync(raw).toString()).toBe(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is a complete member when nothing was written', async () => {
    const raw = await bodyOf((response) => {
      const compressor = new Compressor(limits, new StreamStats());
      response.end(new GzipBody(response, compressor, { sharesChunks: false }).end());
    });
    expect(gunzipSync(raw)).toHaveLength(0);
  });
});

describe('Compressor', () => {
  it('compresses a shared chunk once, and drops the oldest results beyond its limit', () => {
    const compressor = new Compressor({ ...limits, cacheBytes: 20_000 }, new StreamStats());
    const chunk = HttpChunk.of('token '.repeat(300));
    const segment = compressor.compressShared(chunk);
    expect(segment.chunk.body.length).toBeLessThan(200);
    expect(compressor.compressShared(chunk)).toBe(segment);
    // Too large for the cache, but compressed once all the same while the plain chunk is in use.
    const large = HttpChunk.of('words '.repeat(10_000));
    const largeSegment = compressor.compressShared(large);
    expect(compressor.compressShared(chunk)).toBe(segment);
    for (let n = 10; n < 30; n += 1) compressor.compressShared(HttpChunk.of(`${n} `.repeat(500)));
    expect(compressor.compressShared(chunk)).not.toBe(segment);
    expect(compressor.compressShared(large)).toBe(largeSegment);
  });

  it('compresses with the history of a stream, and does not cache that', () => {
    const compressor = new Compressor(
      { ...limits, bytesPerIteration: 1e9, cacheBytes: 20_000 },
      new StreamStats(),
    );
    const shared = HttpChunk.of('token '.repeat(1000));
    const segment = compressor.compressShared(shared);
    const id = randomBytes(1500).toString('base64url');
    const history = new CompressionWindow();
    const lengths = [1, 2, 3].map((n) => {
      const chunk = HttpChunk.of(`event: execution:output\ndata: {"sequence":${n}}\nid: ${id}${n}\n\n`);
      const { chunk: sent } = compressor.compressWithHistory(chunk, history.bytes);
      history.push(chunk.body);
      return sent.body.length;
    });
    expect(lengths[0]).toBeGreaterThan(1500);
    for (const later of lengths.slice(1)) expect(later).toBeLessThan(80);
    for (let n = 0; n < 100; n += 1)
      compressor.compressWithHistory(HttpChunk.of(`${n} `.repeat(1000)), history.bytes);
    expect(compressor.compressShared(shared)).toBe(segment);
  });

  it('stays within its budget per event loop iteration, for small chunks too', async () => {
    const many = new Compressor({ ...limits, bytesPerIteration: 100_000 }, new StreamStats());
    const small = Array.from({ length: 100 }, (_unused, n) =>
      many.compressWithHistory(HttpChunk.of(`${n} token token token token `.repeat(4)), Buffer.alloc(0)),
    );
    const compressed = small.filter(({ chunk, bytes }) => chunk.body.length < bytes);
    expect([compressed.length > 15, compressed.length < 25]).toEqual([true, true]);

    const compressor = new Compressor({ ...limits, bytesPerIteration: 12_000 }, new StreamStats());
    const large = () => compressor.compressShared(HttpChunk.of('token '.repeat(1000))).chunk.body.length;
    expect(large()).toBeLessThan(200);
    expect(large()).toBe(6005);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(large()).toBeLessThan(200);
  });
});
