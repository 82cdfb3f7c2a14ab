// Receives webhooks of CloutAgent Executions: node receiver.ts
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';

/** Larger bodies are refused before they are read to their end. */
const MAX_BYTES = 10_000_000;
/** Ids of the messages that were handled. A real receiver keeps them in its database, in the transaction of its work. */
const handled = new Set<string>();

const { PORT = '8787', WEBHOOK_SECRET = '' } = process.env;
if (WEBHOOK_SECRET === '') {
  console.error('Set WEBHOOK_SECRET to the signing secret of the webhook: whsec_…');
  process.exit(1);
}
const webhook = new Webhook(WEBHOOK_SECRET);

/** `type` has a full stop where the type of the event has a colon, as Standard Webhooks ask. */
interface Message {
  type: string;
  data: { executionId: string; sequence: number; result?: { output?: unknown }; error?: string };
}

/** Does the work. The server waits for the answer, so leave long work to a queue. */
function handle({ type, data }: Message): void {
  const { executionId, result, error } = data;
  if (type === 'execution.completed')
    console.log(`completed ${executionId} ${JSON.stringify(result?.output)}`);
  else if (type === 'execution.failed') console.log(`failed ${executionId} ${error}`);
  else console.log(`${type} ${executionId}`);
}

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'POST') return void response.writeHead(405, { allow: 'POST' }).end();
  const body = await read(request);
  if (body === undefined) return void response.writeHead(413, { connection: 'close' }).end();
  let message: Message;
  try {
    // The signature covers the bytes of the body, so verify the text that has arrived and not a copy of it.
    message = webhook.verify(body, request.headers as Record<string, string>) as Message;
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    return void response.writeHead(401).end('The signature is not valid.');
  }
  // Each event arrives at least once. All attempts with one event have the same id.
  const id = String(request.headers['webhook-id']);
  if (!handled.has(id)) {
    handle(message);
    handled.add(id);
  }
  // Any other answer than 2xx makes the server send the event again. 410 disables the webhook.
  response.writeHead(204).end();
}

/** Reads a body as text; undefined if it is larger than `MAX_BYTES`. */
async function read(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const server = createServer((request, response) => {
  receive(request, response).catch((error: unknown) => {
    console.error(error);
    response.writeHead(500).end();
  });
});
server.listen(Number(PORT), () => console.log(`The receiver listens on port ${PORT}.`));
process.on('SIGTERM', () => server.close());
