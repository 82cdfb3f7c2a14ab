import type { ServerResponse } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { type FakeHttpServer, type ReceivedRequest, startFakeHttpServer } from './fake-http-server.js';

/** A request of a webhook, with its parsed body. */
export interface ReceivedEvent extends ReceivedRequest {
  /** `webhook-id`. */
  id: string;
  executionId: string;
  sequence: number;
  type: string;
  /** Whether the receiver answered 2xx. */
  isTaken: boolean;
}

type Answer = (event: ReceivedEvent, response: ServerResponse) => void;

/** Answers 204. */
export const take: Answer = (_event, response) => void response.writeHead(204).end();
/** Answers a status, with headers. */
export const refuse =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (_event, response) =>
    void response.writeHead(status, headers).end('not now');

/** A receiver of webhooks on 127.0.0.1. It keeps all requests, and answers as the test decides. */
export class WebhookReceiver {
  readonly events: ReceivedEvent[] = [];
  answer: Answer = take;

  private constructor(private readonly server: { value?: FakeHttpServer }) {}

  static async start(): Promise<WebhookReceiver> {
    const holder: { value?: FakeHttpServer } = {};
    const receiver = new WebhookReceiver(holder);
    holder.value = await startFakeHttpServer((request, response) => receiver.onRequest(request, response));
    return receiver;
  }

  get url(): string {
    return `${this.server.value!.url}/hook`;
  }

  close(): Promise<void> {
    return this.server.value!.close();
  }

  /** Events in the order in which the receiver first took them, by execution. */
  taken(executionId: string): number[] {
    const sequences = this.events.filter((event) => event.isTaken && event.executionId === executionId);
    return [...new Set(sequences.map(({ sequence }) => sequence))];
  }

  private onRequest(request: ReceivedRequest, response: ServerResponse): void {
    const { type, data } = JSON.parse(request.body) as {
      type: string;
      data: { executionId: string; sequence: number };
    };
    const { executionId, sequence } = data;
    const id = String(request.headers['webhook-id']);
    const event = { ...request, id, executionId, sequence, type, isTaken: false };
    this.events.push(event);
    response.once('finish', () => (event.isTaken = response.statusCode >= 200 && response.statusCode < 300));
    this.answer(event, response);
  }
}

/** Verifies a request as a receiver would, by a library of others. @throws Error if its signature is wrong */
export const verify = (secret: string, { body, headers }: ReceivedEvent): unknown =>
  new Webhook(secret).verify(body, headers as Record<string, string>);
