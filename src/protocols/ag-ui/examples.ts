import { EXAMPLE_PAUSED } from '../../executions/examples.js';

export const EXAMPLE_RUN = {
  threadId: 'chat-1',
  runId: 'run-1',
  messages: [{ id: 'message-1', role: 'user', content: 'What are server-sent events?' }],
  tools: [],
  context: [],
  state: {},
  forwardedProps: {},
};

const IDS = { threadId: 'chat-1', runId: 'run-1' };
const messageId = 'f6a1c0de-0000-4000-8000-000000000001';

/** The frames of a short run, without state. */
export const EXAMPLE_RUN_FRAMES = [
  { type: 'RUN_STARTED', ...IDS, protocolVersion: '1.0' },
  { type: 'STEP_STARTED', stepName: 'answer' },
  { type: 'TEXT_MESSAGE_START', messageId, role: 'assistant' },
  { type: 'TEXT_MESSAGE_CONTENT', messageId, delta: 'A stream of text over HTTP.' },
  { type: 'TEXT_MESSAGE_END', messageId },
  { type: 'STEP_FINISHED', stepName: 'answer' },
  { type: 'RUN_FINISHED', ...IDS, outcome: { type: 'success' } },
]
  .map((event, index) => `data: ${JSON.stringify(event)}\nid: ${index + 1}\n\n`)
  .join('');

export const EXAMPLE_CANCELLED = EXAMPLE_PAUSED;
