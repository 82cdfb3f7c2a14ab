import type { EndedWait, SentSignal, WaitPage } from '@cloutagent/contract';
import { EXAMPLE_COMPLETED } from '../executions/examples.js';

const WAIT_ID = '0199c0de-0000-7000-8000-0000000000a1';

export const EXAMPLE_WAITS: WaitPage = {
  waits: [
    {
      waitId: WAIT_ID,
      executionId: EXAMPLE_COMPLETED.id,
      projectId: 'demo',
      nodeId: 'review',
      stepId: '5f0c2a9e-0000-4000-8000-000000000000',
      kind: 'approval',
      message: 'May this go out?',
      schema: {
        type: 'object',
        properties: { budget: { type: 'number', minimum: 0 } },
        required: ['budget'],
      },
      until: '2026-11-24T18:00:00.000Z',
      since: '2026-11-23T18:00:00.000Z',
    },
  ],
  nextCursor: null,
};

export const EXAMPLE_ENDED_WAIT: EndedWait = {
  waitId: WAIT_ID,
  executionId: EXAMPLE_COMPLETED.id,
  outcome: 'answered',
  by: 'key:0199c0de-0000-7000-8000-0000000000b1',
  settledAt: '2026-11-23T18:05:00.000Z',
};

export const EXAMPLE_SIGNAL: SentSignal = {
  id: '0199c0de-0000-7000-8000-0000000000c1',
  executionId: EXAMPLE_COMPLETED.id,
  name: 'payment.received',
  sentAt: '2026-11-23T18:05:00.000Z',
};
