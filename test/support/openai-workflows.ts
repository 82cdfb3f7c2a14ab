import { saveWorkflow } from './saved-workflow.js';
import type { Server } from './server.js';

const agent = (id: string, demo: object, config: object = {}) => ({
  id,
  type: 'agent',
  data: {
    config: { model: 'demo/chat', prompt: 'Say something.', providerOptions: { demo }, ...config },
  },
});

/** The workflows of the tests of OpenAI's protocol, by name. */
const WORKFLOWS: Record<string, { nodes: object[]; edges?: object[]; inputSchema?: object }> = {
  /** Answers with its input, as JSON. */
  echo: { nodes: [{ id: 'echo', type: 'transform', data: { config: { expression: '$string(input)' } } }] },
  /** Takes only the text of the newest message. */
  text: {
    nodes: [{ id: 'echo', type: 'transform', data: { config: { expression: '"You said: " & input' } } }],
    inputSchema: { type: 'string' },
  },
  /** A model that answers a conversation. */
  chat: {
    nodes: [
      agent(
        'chat',
        { chunks: 12, delayMs: 0, thinking: 2 },
        { prompt: undefined, messages: '{{input.messages}}' },
      ),
    ],
  },
  slow: { nodes: [agent('slow', { chunks: 300, delayMs: 20 })] },
  two: {
    nodes: [
      agent('one', { text: 'First answer.', chunks: 8, delayMs: 3 }),
      agent('two', { text: 'Second answer.', chunks: 8, delayMs: 4 }),
    ],
  },
  /** Its first attempt breaks off after three chunks. */
  flaky: {
    nodes: [
      agent('flaky', { text: 'A whole answer.', chunks: 10, delayMs: 1, failTimes: 1, failAfterChunks: 3 }),
    ],
  },
  broken: {
    nodes: [{ id: 'broken', type: 'transform', data: { config: { expression: '$error("boom")' } } }],
  },
  cut: { nodes: [agent('cut', { text: 'Once upon a', chunks: 3, delayMs: 0, finishReason: 'length' })] },
  ask: {
    nodes: [
      { id: 'ask', type: 'approval', data: { config: { message: 'May I?' } } },
      agent('after', { text: 'Thank you.', chunks: 2, delayMs: 0 }),
    ],
    edges: [{ source: 'ask', target: 'after' }],
  },
};

/** Saves the workflows in the project `demo`, and `echo` in the project `other`. */
export async function saveOpenAiWorkflows(server: Server): Promise<void> {
  for (const [name, { nodes, edges = [], inputSchema }] of Object.entries(WORKFLOWS)) {
    const { status, text } = await server.call('PUT', `/api/workflows/demo/${name}`, {
      workflow: { nodes, edges },
      ...(inputSchema && { inputSchema }),
    });
    if (status >= 300) throw new Error(`${name} was not saved: ${text}`);
  }
  await saveWorkflow(server.url, 'echo', WORKFLOWS['echo']!.nodes, 'other');
  await server.call('PUT', '/api/workflows/demo/echo/aliases/production', { version: 1 });
}

/** Makes an API key. @returns its secret */
export async function keyFor(server: Server, members: object = {}): Promise<string> {
  const { body } = await server.call('POST', '/api/keys', {
    name: 'openai',
    projects: ['demo'],
    scopes: ['executions:read', 'executions:write', 'executions:control', 'workflows:read'],
    ...members,
  });
  return (body as unknown as { key: string }).key;
}
