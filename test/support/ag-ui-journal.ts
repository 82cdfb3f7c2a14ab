import { HttpAgent } from '@ag-ui/client';
import { EventSchemas } from '@ag-ui/core/schemas';
import type { ExecutionThread } from '../../src/streaming/formats/event-format.ts';
import { AgUiFormat } from '../../src/protocols/ag-ui/ag-ui-format.ts';
import { checkPure, framesOf, type PlacedFrame } from './format-journal.ts';
import type { EndedJournal } from './random-journals.ts';

const THREAD: ExecutionThread = {
  protocol: 'ag-ui',
  threadId: 'chat/t1',
  data: {
    threadId: 't1',
    runId: 'r1',
    messages: [{ id: 'm1', role: 'user', content: 'Hello' }],
    state: { theme: 'dark' },
  },
};

/** Passes frames through the whole client: parser, schema, verifier and reducer. */
class ReplayAgent extends HttpAgent {
  private body = '';

  constructor() {
    super({
      url: 'http://localhost/',
      threadId: 't1',
      initialMessages: [{ id: 'm1', role: 'user', content: 'Hello' }],
      fetch: () =>
        Promise.resolve(new Response(this.body, { headers: { 'content-type': 'text/event-stream' } })),
    });
  }

  async receive(frames: readonly PlacedFrame[]): Promise<void> {
    this.body = frames.map(({ data }) => `data: ${JSON.stringify(data)}\n\n`).join('');
    await this.runAgent({
      runId: 'r1',
      resume: this.pendingInterrupts.map(({ id }) => ({ interruptId: id, status: 'cancelled' })),
    });
  }
}

const shownOf = ({ messages, state, pendingInterrupts }: ReplayAgent) => ({
  messages,
  state: state as unknown,
  pendingInterrupts,
});

/**
 * Checks a journal with the client of AG-UI: it accepts all frames, and ends in the same messages and state if the stream ends
 * at every interrupt and continues with the next run, or if the client asks for the stream again after any frame.
 */
export async function checkAgUi(journal: EndedJournal): Promise<void> {
  const format = new AgUiFormat();
  const ofThread = { ...journal, execution: { ...journal.execution, thread: THREAD } };
  checkPure(format, ofThread);
  const frames = framesOf(format, ofThread).map((frame) => ({
    ...frame,
    data: JSON.parse(JSON.stringify(frame.data)) as Record<string, unknown>,
  }));
  for (const { data } of frames) EventSchemas.parse(data);
  const whole = new ReplayAgent();
  await whole.receive(frames);

  // Each run in a request of its own, as a client that answers interrupts gets them.
  const resumed = new ReplayAgent();
  for (const run of runsOf(frames)) await resumed.receive(run);
  expect(shownOf(resumed)).toEqual(shownOf(whole));

  // A client that was cut off anywhere and gets everything again, as with connectAgent.
  const cut = new ReplayAgent();
  const at = Math.floor(frames.length / 2);
  await cut.receive([
    ...frames.slice(0, at),
    ...format.interrupted().map((frame) => ({ ...frame, sequence: 0, part: 0 })),
  ]);
  cut.setMessages([{ id: 'm1', role: 'user', content: 'Hello' }]);
  await cut.receive(frames);
  expect(shownOf(cut)).toEqual(shownOf(whole));

  checkMessages(journal, whole);
}

function runsOf(frames: readonly (PlacedFrame & { data: Record<string, unknown> })[]) {
  const runs: (typeof frames)[] = [];
  let start = 0;
  for (const [index, { data }] of frames.entries())
    if (data['type'] === 'RUN_FINISHED' || data['type'] === 'RUN_ERROR') {
      runs.push(frames.slice(start, index + 1));
      start = index + 1;
    }
  expect(start).toBe(frames.length);
  return runs;
}

/** The texts of completed nodes are those that the journal has. */
function checkMessages({ events }: EndedJournal, agent: ReplayAgent): void {
  for (const event of events) {
    if (event.type !== 'execution:step' || event.status !== 'completed') continue;
    if (event.nodeType !== 'agent' || typeof event.output !== 'string') continue;
    const texts = agent.messages.filter(
      (message) =>
        message.role === 'assistant' &&
        (message as { metadata?: { nodeId?: string } }).metadata?.nodeId === event.nodeId,
    );
    // The output of an agent is its last text.
    expect(texts.at(-1)?.content).toBe(event.output);
  }
}
