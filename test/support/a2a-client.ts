import { SendMessageRequest, type StreamResponse, StreamResponse as Streamed, Task } from '@a2a-js/sdk';
import {
  type Client,
  ClientFactory,
  ClientFactoryOptions,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from '@a2a-js/sdk/client';
import { ADMIN_KEY } from './server.ts';

export const BINDINGS = ['JSONRPC', 'HTTP+JSON'] as const;
export type Binding = (typeof BINDINGS)[number];

/** Makes a client of the SDK for an agent, as its card says. */
export function clientOf(url: string, agent: string, binding: Binding, key = ADMIN_KEY): Promise<Client> {
  const fetchImpl: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('Authorization', `Bearer ${key}`);
    return fetch(input, { ...init, headers });
  };
  const options = ClientFactoryOptions.createFrom(ClientFactoryOptions.default, {
    transports: [new JsonRpcTransportFactory({ fetchImpl }), new RestTransportFactory({ fetchImpl })],
    preferredTransports: [binding],
    cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
  });
  return new ClientFactory(options).createFromUrl(new URL(`/api/a2a/${agent}/`, url).href);
}

let messages = 0;
/** Makes a message with parts as JSON. */
export function message(
  parts: object[],
  members: { contextId?: string | undefined; taskId?: string | undefined } = {},
  configuration?: object,
): SendMessageRequest {
  messages += 1;
  const messageId = `m${messages}`;
  return SendMessageRequest.fromJSON({
    message: { messageId, role: 'ROLE_USER', parts, ...members },
    configuration,
  });
}
export const say = (text: string, ...rest: [members?: object, configuration?: object]): SendMessageRequest =>
  message([{ text }], ...rest);

/** The task as JSON, as a client has it. */
export interface TaskJson {
  id: string;
  contextId: string;
  status: { state: string; timestamp: string; message?: { parts: { text?: string; data?: unknown }[] } };
  artifacts?: { artifactId: string; name?: string; parts: { text?: string; data?: unknown }[] }[];
  history?: { messageId: string; role: string; parts: object[] }[];
  metadata?: Record<string, unknown>;
}
export const taskJson = (task: unknown): TaskJson => Task.toJSON(task as Task) as TaskJson;

/** Reads a stream to its end. @param onFrame called after each frame, with all of them */
export async function readAll(
  stream: AsyncIterable<StreamResponse>,
  onFrame?: (frames: object[]) => Promise<void> | void,
): Promise<object[]> {
  const frames: object[] = [];
  for await (const response of stream) {
    frames.push(Streamed.toJSON(response) as object);
    await onFrame?.(frames);
  }
  return frames;
}
