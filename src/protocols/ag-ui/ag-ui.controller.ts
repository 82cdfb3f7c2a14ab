import { Body, Controller, Get, Headers, Param, Post, Req, Res } from '@nestjs/common';
import {
  Execution,
  Problem,
  PROBLEM_CODES,
  type ProblemCode,
  ProjectId,
  WorkflowRef,
} from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { ExecutionControl } from '../../executions/commands/execution-control.js';
import { withoutContent } from '../../executions/shown-execution.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { AgUiRuns } from './ag-ui-runs.js';
import { EXAMPLE_CANCELLED, EXAMPLE_RUN, EXAMPLE_RUN_FRAMES } from './examples.js';
import { RunAgentInput } from './run-agent-input.js';
import { RunRefusedError, sendRunError } from './run-error.js';

/** A text, so that generated clients do not read the stream as one value. */
const STREAM_TEXT = z.string().meta({ description: 'Frames. The data of each is an event of AG-UI.' });

const PARAMS = { projectId: ProjectId, name: WorkflowRef };
const THREAD_PARAMS = {
  ...PARAMS,
  threadId: z.string().meta({ description: "The client's id of the conversation." }),
};

/** Answers an error before a stream has begun: with the members of a problem, and as an event RUN_ERROR. */
export const runErrorForm = (problem: Problem): { contentType: string; body: object } => ({
  contentType: 'application/json',
  body: { ...problem, type: 'RUN_ERROR', message: problem.detail },
});

const RUN_ERROR_FORM = {
  contentType: 'application/json',
  schema: Problem.extend({ type: z.literal('RUN_ERROR'), message: z.string() }).meta({ id: 'AgUiRunError' }),
  example: (code: ProblemCode): object => {
    const { status, text } = PROBLEM_CODES[code];
    return runErrorForm({ type: 'about:blank', title: '', status, detail: text, code }).body;
  },
};

/** AG-UI over saved workflows (https://docs.ag-ui.com). */
@Controller('api/ag-ui')
export class AgUiController {
  constructor(
    private readonly runs: AgUiRuns,
    private readonly control: ExecutionControl,
  ) {}

  @Post(':projectId/:name')
  @RequireScope('executions:write')
  @Documented({
    id: 'runAgUi',
    errorForm: RUN_ERROR_FORM,
    tag: 'Executions',
    summary: 'Run a saved workflow for a client of AG-UI',
    description:
      'Starts an execution and answers with its stream in the format `ag-ui`, always as server-sent events. The stream ends with ' +
      'the execution, or with an interrupt when it waits for the client. With `resume` the request answers the interrupts of the ' +
      'newest execution of the thread, and the stream continues after them. The same `runId` again starts nothing, and streams ' +
      'the first run again. A wrong `resume` is answered with the event RUN_ERROR. It needs the scope `executions:read` too, and ' +
      'with `resume` also `executions:control`. A client that leaves does not cancel the execution.',
    status: 200,
    noContent: 'The run with the same id has ended and has no frames after Last-Event-ID.',
    params: PARAMS,
    requestHeaders: ['Last-Event-ID'],
    body: { schema: RunAgentInput, required: true, examples: { run: { value: EXAMPLE_RUN } } },
    response: STREAM_TEXT,
    contentType: 'text/event-stream',
    examples: { run: { value: EXAMPLE_RUN_FRAMES } },
    responseHeaders: ['Location', 'Idempotency-Replayed'],
    errors: [
      'not_found',
      'input_invalid',
      'workflow_not_allowed',
      'idempotency_key_reused',
      'execution_deleted',
      'invalid_last_event_id',
      'too_many_streams',
      'no_worker_free',
      'http_version_too_old',
    ],
  })
  async run(
    @Param('projectId') projectId: string,
    @Param('name') name: string,
    @Body({ schema: RunAgentInput }) input: RunAgentInput,
    @Headers('last-event-id') lastEventId: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    // The parsed body is another object. This one would stay in memory as long as the response is open.
    request.body = undefined;
    try {
      await this.runs.run({ projectId, name }, input, { principal, request, response, lastEventId });
    } catch (error) {
      if (!(error instanceof RunRefusedError)) throw error;
      sendRunError(response, error);
    }
  }

  @Get(':projectId/:name/:threadId/stream')
  @RequireScope('executions:read')
  @Documented({
    id: 'streamAgUiThread',
    errorForm: RUN_ERROR_FORM,
    tag: 'Streams',
    summary: 'Watch the newest execution of a thread of AG-UI',
    description:
      'Sends its frames from the first run on, in the format `ag-ui`, for a client that has been loaded again. The stream ends with ' +
      'the execution, or with an interrupt when it waits for the client.',
    status: 200,
    noContent: 'The execution has ended and has no frames after Last-Event-ID.',
    params: THREAD_PARAMS,
    requestHeaders: ['Last-Event-ID'],
    response: STREAM_TEXT,
    contentType: 'text/event-stream',
    examples: { run: { value: EXAMPLE_RUN_FRAMES } },
    errors: ['not_found', 'invalid_last_event_id', 'too_many_streams', 'http_version_too_old'],
  })
  async stream(
    @Param('projectId') projectId: string,
    @Param('name') name: string,
    @Param('threadId') threadId: string,
    @Headers('last-event-id') lastEventId: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.runs.stream({ projectId, name }, threadId, { principal, request, response, lastEventId });
  }

  @Post(':projectId/:name/:threadId/cancel')
  @RequireScope('executions:control')
  @Documented({
    id: 'cancelAgUiThread',
    errorForm: RUN_ERROR_FORM,
    tag: 'Control',
    summary: 'Cancel the newest execution of a thread of AG-UI',
    description:
      'The stream of the run ends with RUN_FINISHED and the outcome `cancelled`. A client that only closes its connection, such as ' +
      'by `abortRun`, does not cancel the execution.',
    status: 202,
    params: THREAD_PARAMS,
    response: Execution,
    examples: { execution: { value: EXAMPLE_CANCELLED } },
    errors: ['not_found', 'execution_over'],
  })
  async cancel(
    @Param('projectId') projectId: string,
    @Param('name') name: string,
    @Param('threadId') threadId: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    const executionId = await this.runs.executionOf({ projectId, name }, threadId, principal);
    return withoutContent(principal, await this.control.request(executionId, 'cancel', principal));
  }
}
