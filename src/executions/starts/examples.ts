import {
  type BatchResults,
  outlineOf,
  type StartBatchInput,
  type ValidatedExecution,
  Workflow,
} from '@cloutagent/contract';
import { EXAMPLE, EXAMPLE_QUEUED, EXAMPLE_STREAM } from '../examples.js';

/** The answer for `EXAMPLE` with a misspelled model. */
export const EXAMPLE_VALIDATED: ValidatedExecution = {
  valid: false,
  problems: [
    {
      path: 'workflow.nodes.0.data.config.prompt',
      message: 'must have a prompt or messages',
      code: 'validation_failed',
    },
  ],
  warnings: [],
  graph: outlineOf(Workflow.parse(EXAMPLE.workflow)),
};

export const EXAMPLE_BATCH: StartBatchInput = {
  executions: [
    { projectId: 'demo', workflowRef: 'compare', input: 'Server-sent events', idempotencyKey: 'row-1' },
    { projectId: 'demo', workflowRef: 'compare@9', input: 'WebSocket', idempotencyKey: 'row-2' },
  ],
};

export const EXAMPLE_BATCH_RESULTS: BatchResults = {
  started: 1,
  failed: 1,
  results: [
    { index: 0, status: 202, execution: EXAMPLE_QUEUED },
    {
      index: 1,
      status: 404,
      problem: {
        type: 'about:blank',
        title: 'Not Found',
        status: 404,
        detail: 'There is no saved workflow compare@9, or your credential has no access to its project.',
        code: 'not_found',
      },
    },
  ],
};

/** The first frame of a stream, as it is sent. */
export const EXAMPLE_STREAM_TEXT = {
  established: {
    value: `retry: 2000\nevent: connection:established\ndata: ${JSON.stringify(Object.values(EXAMPLE_STREAM)[0]?.value)}\n\n`,
  },
};
