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

const limits = { minBytes: 50, turnBytes: 200_000, cacheBytes: 100_000 };

/** The raw body of a response, undone of nothing but its HTTP chunks. */
async function bodyOf(answer: (response: ServerResponse) => Promise<void> | void): Promise<Buffer> {
  const server = createServer((_request, response) => void answer(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pieces: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false }, (response) =>
      response
        .on('data', (data: Buffer) => pieces.push(data))
        .on('end', resolve)
        .on('error', reject),
    ).on('error', reject);
  });
  server.close();
  return Buffer.concat(pieces);
}

const text = fc.oneof(
  fc.string({ minLength: 1, maxLength: 300, unit: 'grapheme' }),
  // Compresses well; past one stored block; past what is compressed in one turn.
  fc.nat(3000).map((n) => `data: ${'token '.repeat(n)}\n\n`),
  fc.constantFrom('x'.repeat(65_535), 'y'.repeat(65_536), 'z'.repeat(250_000)),
);

describe('a gzip body', () => {
  it('is one member that holds all that was written, whatever way, in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ content: text, again: fc.boolean(), aside: fc.boolean() }), { maxLength: 12 }),
        fc.constantFrom('shared' as const, 'own' as const),
        async (writes, pieces) => {
          const compressor = new Compressor(limits, new StreamStats());
          let expected = '';
          const raw = await bodyOf(async (response) => {
            const writer = new SocketWriter(response, () => undefined);
            writer.gzip = GzipBody.of(response, compressor, pieces);
            response.writeHead(200);
            response.flushHeaders();
            response.write('\n');
            expected += '\n';
            for (const { content, again, aside } of writes) {
              const chunk = HttpChunk.of(content);
              for (let times = again ? 2 : 1; times > 0; times -= 1) {
                expected += content;
                if (aside) response.write(content);
                else writer.write(chunk);
              }
              if (aside) await new Promise(setImmediate);
            }
            response.end();
          });
          expect(gunzipSync(raw).toString()).toBe(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is whole when nothing was written', async () => {
    const raw = await bodyOf((response) => {
      GzipBody.of(response, new Compressor(limits, new StreamStats()), 'own');
      response.end();
    });
    expect(gunzipSync(raw)).toHaveLength(0);
  });

  it('shares what it has compressed, and forgets it past its bound', () => {
    const compressor = new Compressor({ ...limits, cacheBytes: 20_000 }, new StreamStats());
    const chunk = HttpChunk.of('token '.repeat(300));
    const packed = compressor.pack(chunk);
    expect(packed.chunk.body.length).toBeLessThan(200);
    expect(compressor.pack(chunk)).toBe(packed);
    // It has no room for this one, which is packed once all the same while somebody has it.
    const large = HttpChunk.of('words '.repeat(10_000));
    const packedLarge = compressor.pack(large);
    expect(compressor.pack(chunk)).toBe(packed);
    for (let n = 10; n < 30; n += 1) compressor.pack(HttpChunk.of(`${n} `.repeat(500)));
    expect(compressor.pack(chunk)).not.toBe(packed);
    expect(compressor.pack(large)).toBe(packedLarge);
  });

  it('spares what a stream of its own was sent before, and keeps none of its chunks', () => {
    const compressor = new Compressor({ ...limits, turnBytes: 1e9, cacheBytes: 20_000 }, new StreamStats());
    const shared = HttpChunk.of('token '.repeat(1000));
    const packed = compressor.pack(shared);
    const id = randomBytes(1500).toString('base64url');
    const recent = new CompressionWindow();
    const lengths = [1, 2, 3].map((n) => {
      const chunk = HttpChunk.of(`event: execution:output\ndata: {"sequence":${n}}\nid: ${id}${n}\n\n`);
      const own = compressor.packOwn(chunk, recent.bytes);
      recent.push(chunk.body);
      return own.chunk.body.length;
    });
    expect(lengths[0]).toBeGreaterThan(1500);
    for (const later of lengths.slice(1)) expect(later).toBeLessThan(80);
    for (let n = 0; n < 100; n += 1) compressor.packOwn(HttpChunk.of(`${n} `.repeat(1000)), recent.bytes);
    expect(compressor.pack(shared)).toBe(packed);
  });

  it('compresses no more in one turn than it may, be it in small pieces', async () => {
    const many = new Compressor({ ...limits, turnBytes: 100_000 }, new StreamStats());
    const small = Array.from({ length: 100 }, (_unused, n) =>
      many.packOwn(HttpChunk.of(`${n} token token token token `.repeat(4)), Buffer.alloc(0)),
    );
    const compressed = small.filter(({ chunk, bytes }) => chunk.body.length < bytes);
    expect([compressed.length > 15, compressed.length < 25]).toEqual([true, true]);

    const compressor = new Compressor({ ...limits, turnBytes: 12_000 }, new StreamStats());
    const large = () => compressor.pack(HttpChunk.of('token '.repeat(1000))).chunk.body.length;
    expect(large()).toBeLessThan(200);
    expect(large()).toBe(6005);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(large()).toBeLessThan(200);
  });
});
