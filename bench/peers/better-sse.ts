import { type Channel, createChannel, createSession } from 'better-sse';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { dataOf } from '../load/frame.ts';
import { type Peer, portOf } from './peer.ts';

export async function start(): Promise<Peer> {
  const channels = new Map<string, Channel>();
  const channel = (path: string): Channel => {
    let found = channels.get(path);
    if (!found) channels.set(path, (found = createChannel()));
    return found;
  };
  const server = createServer((request, response) => {
    // The data is already JSON, as for every peer.
    void createSession(request, response, { serializer: String }).then((session) =>
      channel(request.url!).register(session),
    );
  });
  server.listen(0, '127.0.0.1', 8192);
  await once(server, 'listening');
  return {
    server,
    port: portOf(server),
    path: (n) => `/${n}`,
    publish(n, events) {
      for (const event of events)
        channel(`/${n}`).broadcast(dataOf(event), event.type, { eventId: String(event.sequence) });
    },
  };
}
