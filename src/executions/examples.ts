import {
  type EventPage,
  type Execution,
  type ExecutionPage,
  type ExecutionsStreamData,
  outlineOf,
  type StartExecution,
  type StreamData,
  type StreamTicket,
  Workflow,
} from '@cloutagent/contract';
import type { z } from 'zod';

type Given = Omit<StartExecution, 'workflow'> & { workflow: unknown };

/** The request of examples/compare.json. */
export const EXAMPLE: Given = {
  projectId: 'demo',
  input: 'Server-sent events',
  workflow: {
    nodes: [
      {
        id: 'pros',
        type: 'agent',
        data: { config: { model: 'demo/echo', prompt: 'For {{input}}, name the strengths.' } },
      },
      {
        id: 'cons',
        type: 'agent',
        data: { config: { model: 'demo/echo', prompt: 'For {{input}}, name the limits.' } },
      },
      {
        id: 'verdict',
        type: 'agent',
        data: {
          config: {
            model: 'demo/echo',
            prompt: 'Weigh {{nodes.pros.output}} against {{nodes.cons.output}}.',
          },
        },
      },
    ],
    edges: [
      { source: 'pros', target: 'verdict' },
      { source: 'cons', target: 'verdict' },
    ],
  },
  options: { timeoutMs: 60_000, maxRetries: 2, limits: { maxTokens: 100_000, maxCostUSD: 1 } },
  tags: ['example'],
};

const ID = '0199c0de-0000-7000-8000-000000000001';

/** The execution that `EXAMPLE` starts, after its end, as `GET /api/executions/:executionId` shows it. */
export const EXAMPLE_COMPLETED: Execution = {
  id: ID,
  projectId: 'demo',
  status: 'completed',
  input: 'Server-sent events',
  output: 'The strengths weigh more …',
  steps: ['pros', 'cons', 'verdict'].map((nodeId, index) => ({
    stepId: `5f0c2a9e-0000-4000-8000-00000000000${index}`,
    step: nodeId,
    nodeId,
    nodeType: 'agent',
    status: 'completed',
    attempt: 1,
    startedAt: `2026-11-23T18:00:0${index}.000Z`,
    completedAt: `2026-11-23T18:00:0${index}.900Z`,
    duration: 900,
    output: nodeId === 'verdict' ? 'The strengths weigh more …' : `The answer of ${nodeId} …`,
  })),
  tokenUsage: { input: 120, output: 290, total: 410 },
  costUSD: 0,
  createdAt: '2026-11-23T17:59:59.990Z',
  startedAt: '2026-11-23T18:00:00.000Z',
  completedAt: '2026-11-23T18:00:02.950Z',
  duration: 2950,
  lastSequence: 312,
  tags: ['example'],
};

const { output: _output, completedAt: _completedAt, duration: _duration, ...begun } = EXAMPLE_COMPLETED;

/** The same execution directly after its start. */
export const EXAMPLE_QUEUED: Execution = {
  ...begun,
  status: 'queued',
  steps: [],
  tokenUsage: { input: 0, output: 0, total: 0 },
  lastSequence: 0,
};

/** The same execution, paused in its first step. */
export const EXAMPLE_PAUSED: Execution = {
  ...begun,
  status: 'paused',
  steps: [{ ...begun.steps[0]!, status: 'running' }],
  lastSequence: 40,
};

const { input: _input, output: _result, steps: _steps, ...listed } = EXAMPLE_COMPLETED;

export const EXAMPLE_PAGE: ExecutionPage = {
  executions: [
    {
      ...listed,
      inputPreview: 'Server-sent events',
      progress: { completedSteps: 3, totalSteps: 3, percent: 100 },
    },
  ],
  nextCursor: 'MDE5OWMwZGUtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAx',
};

export const EXAMPLE_EVENTS: EventPage = {
  events: [
    {
      type: 'execution:output',
      sequence: 12,
      executionId: ID,
      timestamp: '2026-11-23T18:00:00.120Z',
      chunk: 'Hello',
      stepId: '5f0c2a9e-0000-4000-8000-000000000000',
      nodeId: 'pros',
    },
  ],
  nextAfter: 12,
  lastSequence: 312,
};

/** `data` of the first frames of a stream. */
export const EXAMPLE_STREAM: Record<string, { value: z.input<typeof StreamData> }> = {
  established: {
    value: {
      type: 'connection:established',
      sequence: 11,
      executionId: ID,
      timestamp: '2026-11-23T18:00:00.000Z',
      message: 'You will see every event of this execution, in order.',
      status: 'running',
      lastSequence: 312,
    },
  },
  output: { value: EXAMPLE_EVENTS.events[0]! },
};

export const EXAMPLE_TICKET: StreamTicket = {
  ticket: 'Vq0n1vX3Yc6mS5o0b7mE2kq8J4tW9rLzA1dF5gH7jKQ',
  expiresAt: '2026-11-23T18:01:00.000Z',
  url: `/api/executions/${ID}/stream?ticket=Vq0n1vX3Yc6mS5o0b7mE2kq8J4tW9rLzA1dF5gH7jKQ`,
};

/** `data` of the first frames of a stream of many executions. */
export const EXAMPLE_MULTI_STREAM: Record<string, { value: z.input<typeof ExecutionsStreamData> }> = {
  established: {
    value: {
      type: 'connection:established',
      sequence: 0,
      timestamp: '2026-11-23T18:00:00.000Z',
      message: 'You will see every event of these executions, of each in order.',
      executions: 1,
      cursor: 'AZdwFisrStMxAgECCwAA',
    },
  },
  output: { value: EXAMPLE_EVENTS.events[0]! },
};

export const EXAMPLE_MULTI_STREAM_TICKET: StreamTicket = {
  ...EXAMPLE_TICKET,
  url: `/api/executions/stream?projectId=demo&status=running%2Cpaused&ticket=${EXAMPLE_TICKET.ticket}`,
};

export const EXAMPLE_OUTLINE = outlineOf(Workflow.parse(EXAMPLE.workflow));
