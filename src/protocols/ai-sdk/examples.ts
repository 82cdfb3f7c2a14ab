import type { Execution } from '@cloutagent/contract';
import type { z } from 'zod';
import { EXAMPLE_PAUSED } from '../../executions/examples.js';
import type { ChatRequest } from './chat-request.js';

export const EXAMPLE_CHAT: z.input<typeof ChatRequest> = {
  id: 'chat-7',
  messages: [{ id: 'm1', role: 'user', parts: [{ type: 'text', text: 'Where is my order?' }] }],
  trigger: 'submit-message',
};

/** The data of some frames. */
export const EXAMPLE_CHUNKS = {
  start: {
    value: {
      type: 'start',
      messageId: '0199c0de-0000-7000-8000-000000000001',
      messageMetadata: { executionId: '0199c0de-0000-7000-8000-000000000001', status: 'running' },
    },
  },
  text: { value: { type: 'text-delta', id: 'text-4', delta: 'Your order ' } },
  node: {
    value: {
      type: 'data-node',
      id: 'research',
      data: { nodeId: 'research', label: 'Research', nodeType: 'agent', status: 'running', attempt: 1 },
    },
  },
};

/** An execution directly after the request to cancel it. */
export const EXAMPLE_STOPPED: Execution = { ...EXAMPLE_PAUSED, status: 'running' };
