import {
  type AgentSubscriber,
  HttpAgent,
  type Message,
  runHttpRequest,
  transformHttpEventStream,
} from '@ag-ui/client';
import { randomUUID } from 'node:crypto';
import { bearer, describe, type ProtocolClient, QUESTION, type Site, watch } from './client.ts';

/** A client that can open the stream of its thread again, as docs/protocols/ag-ui.md shows it. */
class ThreadAgent extends HttpAgent {
  protected override connect() {
    const url = `${this.url}/${encodeURIComponent(this.threadId)}/stream`;
    return transformHttpEventStream(runHttpRequest(() => fetch(url, { headers: this.headers })));
  }
}

const textOf = (messages: readonly Message[]): string =>
  messages
    .filter(({ role, id }) => role === 'assistant' && !id.startsWith('work-'))
    .map(({ content }) => (typeof content === 'string' ? content : ''))
    .join('');

const open = ({ origin, key, projectId, workflow }: Site, threadId: string): ThreadAgent => {
  const agent = new ThreadAgent({
    url: `${origin}/api/ag-ui/${projectId}/${workflow}`,
    headers: bearer(key),
    threadId,
  });
  agent.addMessage({ id: 'question', role: 'user', content: QUESTION });
  return agent;
};

// HttpAgent 1.0.0 cancels the reader of a connection that broke, and does not handle that this is refused.
process.on('unhandledRejection', (error) => {
  if (!(error instanceof TypeError) || error.message !== 'terminated') throw error;
});

/**
 * Waits for the end of a run of an agent. The client takes the end of its stream without an error for the end of the answer.
 * @param begin begins the run with the callbacks
 */
async function finish(
  agent: ThreadAgent,
  begin: (subscriber: AgentSubscriber) => Promise<unknown>,
  onText?: (text: string) => void,
): Promise<string> {
  let problem: string | undefined;
  await begin({
    onTextMessageContentEvent: ({ event }) => onText?.(event.delta),
    onRunErrorEvent: ({ event }) => {
      problem = `RUN_ERROR ${event.code}`;
    },
    // Without `stopPropagation` the client also writes the error to the console.
    onRunFailed: ({ error }) => {
      problem ??= describe(error);
      return { stopPropagation: true } as object;
    },
  });
  if (problem !== undefined) throw new Error(problem);
  return textOf(agent.messages);
}

const run = (agent: ThreadAgent, onText?: (text: string) => void): Promise<string> =>
  finish(agent, (subscriber) => agent.runAgent({ runId: 'run-1' }, subscriber), onText);

/** `HttpAgent`, which opens its thread again, or sends the same run again. */
export const AG_UI: readonly ProtocolClient[] = [
  {
    name: 'AG-UI, thread',
    watch: (site) => {
      const agent = open(site, randomUUID());
      return watch(
        (onText) => run(agent, onText),
        () => {
          const other = open(site, agent.threadId);
          return finish(other, (subscriber) => other.connectAgent({}, subscriber));
        },
      );
    },
  },
  {
    name: 'AG-UI, same run',
    watch: (site) => {
      const agent = open(site, randomUUID());
      return watch(
        (onText) => run(agent, onText),
        () => run(open(site, agent.threadId)),
      );
    },
  },
];
