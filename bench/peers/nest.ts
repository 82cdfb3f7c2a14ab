// Nest's own @Sse(): an Observable of messages with one subscription per stream. Decorators are applied as functions,
// so that Node can run this file without a build.
import 'reflect-metadata';
import { Controller, type MessageEvent, Module, Param, Sse } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Server } from 'node:http';
import { type Observable, Subject } from 'rxjs';
import { dataOf } from '../load/frame.ts';
import { type Peer, portOf } from './peer.ts';

const subjects = new Map<string, Subject<MessageEvent>>();
const subject = (channel: string): Subject<MessageEvent> => {
  let found = subjects.get(channel);
  if (!found) subjects.set(channel, (found = new Subject()));
  return found;
};

class Streams {
  stream(channel: string): Observable<MessageEvent> {
    return subject(channel);
  }
}
Controller()(Streams);
Param('channel')(Streams.prototype, 'stream', 0);
Sse(':channel')(Streams.prototype, 'stream', Object.getOwnPropertyDescriptor(Streams.prototype, 'stream')!);
// oxlint-disable-next-line typescript/no-extraneous-class -- decorated below
class App {}
Module({ controllers: [Streams] })(App);

export async function start(): Promise<Peer> {
  const app = await NestFactory.create<NestExpressApplication>(App, { logger: false, bodyParser: false });
  await app.listen(0, '127.0.0.1');
  const server: Server = app.getHttpServer();
  return {
    server,
    port: portOf(server),
    path: (channel) => `/${channel}`,
    publish(channel, events) {
      for (const event of events)
        subject(String(channel)).next({ id: String(event.sequence), type: event.type, data: dataOf(event) });
    },
  };
}
