import { SendMessageRequest, StreamResponse, Task } from '@a2a-js/sdk';
import {
  type Client,
  ClientFactory,
  ClientFactoryOptions,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from '@a2a-js/sdk/client';
import { UnsupportedOperationError } from '@a2a-js/sdk/errors';
import { randomUUID } from 'node:crypto';
import { bearer, type ProtocolClient, QUESTION, type Site, watch } from './client.ts';

type Binding = 'JSONRPC' | 'HTTP+JSON';
interface Artifact {
  artifactId: string;
  parts: { text?: string }[];
}
/** The members of a StreamResponse as JSON that are read here. */
interface Update {
  task?: { id: string; artifacts?: Artifact[] };
  artifactUpdate?: { artifact: Artifact; append?: boolean };
  statusUpdate?: { status: { state: string } };
}

/** Makes a client of the agent, as its card says. The same message is sent only once. */
function connect({ origin, key, projectId, workflow }: Site, binding: Binding): Promise<Client> {
  const idempotencyKey = randomUUID();
  const fetchImpl: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('Authorization', bearer(key).authorization);
    headers.set('Idempotency-Key', idempotencyKey);
    return fetch(input, { ...init, headers });
  };
  const options = ClientFactoryOptions.createFrom(ClientFactoryOptions.default, {
    transports: [new JsonRpcTransportFactory({ fetchImpl }), new RestTransportFactory({ fetchImpl })],
    preferredTransports: [binding],
    cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
  });
  return new ClientFactory(options).createFromUrl(`${origin}/api/a2a/${projectId}/${workflow}/`);
}

const textOf = (artifacts: readonly Artifact[]): string =>
  artifacts.flatMap(({ parts }) => parts.map(({ text = '' }) => text)).join('');

/** Joins the updates of a stream to the artifacts of a task. */
class TaskText {
  id = '';
  private artifacts = new Map<string, Artifact>();

  add({ task, artifactUpdate }: Update): void {
    if (task) {
      this.id = task.id;
      this.artifacts = new Map((task.artifacts ?? []).map((each) => [each.artifactId, each]));
    }
    if (!artifactUpdate) return;
    const { artifact, append } = artifactUpdate;
    const before = append ? (this.artifacts.get(artifact.artifactId)?.parts ?? []) : [];
    this.artifacts.set(artifact.artifactId, { ...artifact, parts: [...before, ...artifact.parts] });
  }

  get text(): string {
    return textOf([...this.artifacts.values()]);
  }
}

const agent = (binding: Binding): ProtocolClient => ({
  name: `A2A, ${binding}`,
  watch: (site) => {
    let client: Client | undefined;
    const task = new TaskText();
    const message = SendMessageRequest.fromJSON({
      message: { messageId: randomUUID(), role: 'ROLE_USER', parts: [{ text: QUESTION }] },
    });
    const read = async (
      stream: AsyncIterable<StreamResponse>,
      onText?: (text: string) => void,
    ): Promise<string> => {
      for await (const response of stream) {
        const before = task.text;
        task.add(StreamResponse.toJSON(response) as Update);
        if (task.text !== before) onText?.(task.text);
      }
      return task.text;
    };
    const send = async (onText?: (text: string) => void): Promise<string> => {
      client ??= await connect(site, binding);
      return read(client.sendMessageStream(message), onText);
    };
    const get = async (): Promise<string> => {
      const { artifacts = [] } = Task.toJSON(await client!.getTask({ tenant: '', id: task.id })) as {
        artifacts?: Artifact[];
      };
      return textOf(artifacts);
    };
    return watch(send, async () => {
      if (task.id === '') return send();
      try {
        await read(client!.resubscribeTask({ tenant: '', id: task.id }));
      } catch (error) {
        // The task has ended, so it has no updates.
        if (!isUnsupported(error)) throw error;
        return get();
      }
      const whole = await get();
      if (task.text !== whole) throw new Error('the joined stream differs from the task');
      return whole;
    });
  },
});

const isUnsupported = (error: unknown): boolean =>
  error instanceof UnsupportedOperationError ||
  (error instanceof Error && error.cause !== undefined && isUnsupported(error.cause));

/** Clients of the A2A SDK, which subscribe to their tasks again. */
export const A2A: readonly ProtocolClient[] = [agent('JSONRPC'), agent('HTTP+JSON')];
