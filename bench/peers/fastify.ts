import * as sse from '@fastify/sse';
import fastify, { type FastifyPluginAsync, type FastifyReply } from 'fastify';
import { dataOf } from '../load/frame.ts';
import { type Peer, portOf } from './peer.ts';

export async function start(): Promise<Peer> {
  const channels = new Map<string, Set<FastifyReply>>();
  const app = fastify();
  // The data is already JSON, as for every peer.
  await app.register(sse.default as unknown as FastifyPluginAsync<{ serializer: (data: string) => string }>, {
    serializer: String,
  });
  app.get('/:channel', { sse: true }, async (request, reply) => {
    reply.sse.keepAlive();
    await reply.sse.send({ data: 'hello' });
    let open = channels.get(request.url);
    if (!open) channels.set(request.url, (open = new Set()));
    open.add(reply);
    reply.sse.onClose(() => open.delete(reply));
  });
  await app.listen({ port: 0, host: '127.0.0.1', backlog: 8192 });
  return {
    server: app.server,
    port: portOf(app.server),
    path: (channel) => `/${channel}`,
    publish(channel, events) {
      for (const event of events) {
        const message = { id: String(event.sequence), event: event.type, data: dataOf(event) };
        for (const reply of channels.get(`/${channel}`) ?? []) reply.sse.send(message).catch(() => undefined);
      }
    },
    stop: () => app.close(),
  };
}
