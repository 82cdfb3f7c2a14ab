// Bare Node: every event is encoded once and written to each response with res.write. With `joined`, all events of a
// turn are written as one buffer. On a stream of all channels the id contains all positions, encoded once per event.
import { createServer, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { type BenchEvent, dataOf, encode } from '../load/frame.ts';
import { type Peer, portOf } from './peer.ts';

const ALL_CHANNELS = '/all';
const POSITION_BYTES = 2;

export async function start([mode]: string[]): Promise<Peer> {
  const channels = new Map<string, Set<ServerResponse>>();
  let positions = Buffer.alloc(0);
  const frameOfAll = (channel: number, event: BenchEvent): Buffer => {
    const at = channel * POSITION_BYTES;
    if (positions.length <= at)
      positions = Buffer.concat([positions, Buffer.alloc(at + POSITION_BYTES - positions.length)]);
    positions.writeUIntBE(event.sequence, at, POSITION_BYTES);
    const id = positions.toString('base64url');
    return Buffer.from(`event: ${event.type}\ndata: ${dataOf(event)}\nid: ${id}\n\n`);
  };
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    response.write(': hello\n\n');
    const path = request.url!;
    let open = channels.get(path);
    if (!open) channels.set(path, (open = new Set()));
    open.add(response);
    response.on('close', () => open.delete(response));
  });
  server.listen(0, '127.0.0.1', 8192);
  await once(server, 'listening');
  const beat = setInterval(() => {
    for (const open of channels.values()) for (const response of open) response.write(': ping\n\n');
  }, 15_000);
  return {
    server,
    port: portOf(server),
    path: (channel) => `/${channel}`,
    multiStreamPath: ALL_CHANNELS,
    publish(channel, events) {
      const multiStreams = channels.get(ALL_CHANNELS);
      if (multiStreams)
        for (const event of events) {
          const frame = frameOfAll(channel, event);
          for (const response of multiStreams) response.write(frame);
        }
      const frames = events.map(encode);
      const buffers = mode === 'joined' ? [Buffer.concat(frames)] : frames;
      for (const buffer of buffers)
        for (const response of channels.get(`/${channel}`) ?? []) response.write(buffer);
    },
    stop: () => (clearInterval(beat), Promise.resolve()),
  };
}
