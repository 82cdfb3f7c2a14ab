import {
  type BatchResults,
  outlineOf,
  type StartBatchInput,
  type ValidatedExecution,
  Workflow,
} from '@cloutagent/contract';
import { EXAMPLE, EXAMPLE_QUEUED } from '../examples.js';

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
        detail: 'There is no such saved workflow compare@9.',
        code: 'not_found',
      },
    },
  ],
};
