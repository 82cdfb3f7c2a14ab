import { once } from 'node:events';
import { createServer, get, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { ChunkEncoder } from '../frames/chunk-encoder.js';
import { HttpChunk } from '../frames/http-chunk.js';
import { SocketWriter } from './socket-writer.js';
import { SseResponse } from './sse-response.js';

/** Puts each chunk in brackets, and a full stop at the end. */
class FakeEncoder implements ChunkEncoder {
  encode(chunk: HttpChunk): HttpChunk {
    return HttpChunk.of(`[${chunk.body.toString()}]`);
  }

  end(): Buffer {
    return Buffer.from('.');
  }
}

/** Serves encoded streams. Like Nest, it pipes a stream into the response and ends that with the Observable. */
async function serve(onOpen: (stream: { response: SseResponse; writer: SocketWriter }) => Promise<void>) {
  const server = createServer((_request, serverResponse: ServerResponse) => {
    const response = new SseResponse(serverResponse);
    const encoder = new FakeEncoder();
    const writer = new SocketWriter(serverResponse, encoder, { onDrain: () => undefined });
    response.encoder = encoder;
    const observable = response.observe(() => ({
      ready: onOpen({ response, writer }),
      start: () => undefined,
      close: () => undefined,
    }));
    const source = new PassThrough();
    source.pipe(serverResponse);
    observable.subscribe({ complete: () => source.end() });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

const nextIteration = () => new Promise<void>((resolve) => setImmediate(resolve));

async function bodyOf(port: number): Promise<string> {
  const [response] = (await once(get({ port, host: '127.0.0.1', agent: false }), 'response')) as [
    NodeJS.ReadableStream,
  ];
  return text(response);
}

describe('SseResponse with an encoder', () => {
  it('ends the body once, however often it is ended', async () => {
    const { server, port } = await serve(async ({ response, writer }) => {
      await nextIteration();
      writer.write(HttpChunk.of('a'));
      response.end();
      response.end();
    });
    expect(await bodyOf(port)).toBe('[a].');
    server.close();
  });

  it('ends the body if the stream cannot start', async () => {
    const { server, port } = await serve(() => Promise.reject(new Error('the journal cannot be read')));
    expect(await bodyOf(port)).toBe('.');
    server.close();
  });

  it('ends the body of a response that waits for another one of its connection', async () => {
    let opened = 0;
    const first = Promise.withResolvers<void>();
    const { server, port } = await serve(async ({ response, writer }) => {
      opened += 1;
      const isFirst = opened === 1;
      await (isFirst ? first.promise : nextIteration());
      writer.write(HttpChunk.of(isFirst ? 'a' : 'b'));
      response.end();
      if (!isFirst) first.resolve();
    });
    const socket = connect(port, '127.0.0.1');
    const request = 'GET / HTTP/1.1\r\nHost: x\r\n';
    socket.write(`${request}\r\n${request}Connection: close\r\n\r\n`);
    const bodies = (await text(socket)).split(/HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)+\r\n/).slice(1);
    expect(bodies.map((body) => body.replaceAll(/[\da-f]+\r\n|\r\n/g, ''))).toEqual(['[a].', '[b].']);
    server.close();
  });
});
