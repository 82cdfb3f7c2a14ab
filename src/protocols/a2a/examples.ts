const ID = '0199c0de-0000-7000-8000-000000000001';
const CONTEXT = '3f1c7a52-6e0f-4a0e-9c55-5c9a4f9d2b11';
const MESSAGE = { messageId: 'message-1', role: 'ROLE_USER', parts: [{ text: 'Hello' }] };

export const EXAMPLE_SEND = { message: MESSAGE };
export const EXAMPLE_TASK = {
  id: ID,
  contextId: CONTEXT,
  status: { state: 'TASK_STATE_COMPLETED', timestamp: '2026-11-28T00:00:02.000Z' },
  artifacts: [{ artifactId: 'answer', parts: [{ text: 'Good day.' }] }],
  history: [{ ...MESSAGE, contextId: CONTEXT, taskId: ID }],
  metadata: { usage: { input: 12, output: 4, total: 16 }, costUSD: 0.0001 },
};
export const EXAMPLE_TASKS = { tasks: [EXAMPLE_TASK], nextPageToken: '', pageSize: 50, totalSize: 1 };
export const EXAMPLE_FRAMES = `data: {"statusUpdate":{"taskId":"${ID}","contextId":"${CONTEXT}","status":{"state":"TASK_STATE_WORKING","timestamp":"2026-11-28T00:00:01.000Z"}}}\nid: 1\n\n`;
export const EXAMPLE_RPC = { jsonrpc: '2.0', id: 1, method: 'SendMessage', params: EXAMPLE_SEND };
export const EXAMPLE_RPC_ANSWER = { jsonrpc: '2.0', id: 1, result: { task: EXAMPLE_TASK } };
export const EXAMPLE_CARD = {
  name: 'chat',
  description: 'Answers questions.',
  supportedInterfaces: [
    {
      url: 'https://agents.example.com/api/a2a/demo/chat',
      protocolBinding: 'JSONRPC',
      protocolVersion: '1.0',
    },
  ],
  version: '3',
  capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: true },
  defaultInputModes: ['text/plain', 'application/json'],
  defaultOutputModes: ['text/plain', 'application/json'],
  skills: [{ id: 'chat', name: 'chat', description: 'Answers questions.', tags: ['chat'] }],
};
