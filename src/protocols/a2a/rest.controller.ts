import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  Param,
  Post,
  Query,
  Req,
  Res,
  UseGuards,
} from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { AllowAnyScope, CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { checkIdempotencyKey } from '../../problems/idempotency-key.js';
import { AgentCards } from './agent-cards.js';
import {
  AGENT_PARAMS,
  AgentCardSchema,
  SendMessageAnswer,
  SendMessageBody,
  STATUS_FORM,
  StreamText,
  TaskPageSchema,
  TaskSchema,
  VersionQuery,
} from './documented-schemas.js';
import { EXAMPLE_CARD, EXAMPLE_FRAMES, EXAMPLE_SEND, EXAMPLE_TASK, EXAMPLE_TASKS } from './examples.js';
import { parseRequest } from './parse-request.js';
import { GetTaskRequest, ListTasksRequest, SendMessageRequest } from './requests.js';
import { TaskControl } from './task-control.js';
import { TaskReader, withHistory } from './task-reader.js';
import { taskOf } from './task-state.js';
import { pushNotificationsUnsupported, TaskSender } from './task-sender.js';
import { A2aVersionGuard } from './version.guard.js';

const A2A_CONTENT_TYPE = 'application/a2a+json';
/** What the documentation of all operations has in common. */
const OPERATION = {
  tag: 'Protocols',
  status: 200,
  query: VersionQuery,
  params: AGENT_PARAMS,
  errorForm: STATUS_FORM,
  contentType: A2A_CONTENT_TYPE,
} as const;
const STREAMING = {
  ...OPERATION,
  response: StreamText,
  contentType: 'text/event-stream',
  examples: { frames: { value: EXAMPLE_FRAMES } },
} as const;
const BODY = { schema: SendMessageBody, required: true, examples: { hello: { value: EXAMPLE_SEND } } };
const SEND_SCOPES =
  'Needs the scopes `executions:read` and `executions:write`, or `executions:control` for a message with a `taskId`, which answers ' +
  'a wait of the task.';
const VERSION = 'Needs the header `A2A-Version: 1.0`.';

/** The HTTP+JSON binding of A2A (section 11 of the specification). */
@Controller('api/a2a/:projectId/:name')
@AllowAnyScope()
@UseGuards(A2aVersionGuard)
export class RestController {
  constructor(
    private readonly sender: TaskSender,
    private readonly tasks: TaskReader,
    private readonly control: TaskControl,
    private readonly cards: AgentCards,
  ) {}

  @Post('message\\:send')
  @Documented({
    ...OPERATION,
    id: 'sendAgentMessage',
    summary: 'Send a message to a saved workflow as an A2A agent',
    description: `Starts a task, which is an execution, and waits until it ends or needs input, at most for \`A2A_WAIT_TIMEOUT_MS\`. ${SEND_SCOPES} ${VERSION}`,
    requestHeaders: ['Idempotency-Key'],
    body: BODY,
    response: SendMessageAnswer,
    examples: { sent: { value: { task: EXAMPLE_TASK } } },
    errors: [
      'not_found',
      'insufficient_scope',
      'unsupported_operation',
      'unsupported_protocol_version',
      'too_many_streams',
    ],
  })
  async send(
    @Param('projectId') projectId: string,
    @Param('name') ref: string,
    @Body() body: unknown,
    @CurrentPrincipal() principal: Principal,
    @Headers('idempotency-key') key: string | undefined,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const sent = parseRequest(SendMessageRequest, body);
    request.body = undefined;
    const sender = { principal, idempotencyKey: checkIdempotencyKey(key), request, response };
    const task = await this.sender.send({ projectId, ref }, sent, sender);
    if (!response.closed) response.type(A2A_CONTENT_TYPE).send(JSON.stringify({ task }));
  }

  @Post('message\\:stream')
  @Documented({
    ...STREAMING,
    id: 'streamAgentMessage',
    summary: 'Send a message to a saved workflow as an A2A agent, and stream the task',
    description: `Like \`message:send\`. The answer is a stream that begins with the task and ends when the task ends or needs input. ${SEND_SCOPES} ${VERSION}`,
    requestHeaders: ['Idempotency-Key'],
    body: BODY,
    errors: [
      'not_found',
      'insufficient_scope',
      'unsupported_operation',
      'unsupported_protocol_version',
      'too_many_streams',
      'http_version_too_old',
    ],
  })
  async stream(
    @Param('projectId') projectId: string,
    @Param('name') ref: string,
    @Body() body: unknown,
    @CurrentPrincipal() principal: Principal,
    @Headers('idempotency-key') key: string | undefined,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const sent = parseRequest(SendMessageRequest, body);
    request.body = undefined;
    const sender = { principal, idempotencyKey: checkIdempotencyKey(key), request, response };
    await this.sender.stream({ projectId, ref }, sent, 'a2a', sender);
  }

  @Get('tasks')
  @RequireScope('executions:read')
  @Documented({
    ...OPERATION,
    id: 'listAgentTasks',
    summary: 'List the tasks of an A2A agent',
    description: `The executions of the saved workflow, in all versions, the newest change of status first. ${VERSION}`,
    query: ListTasksRequest.extend(VersionQuery.shape),
    response: TaskPageSchema,
    examples: { page: { value: EXAMPLE_TASKS } },
    errors: ['not_found', 'validation_failed', 'unsupported_protocol_version'],
  })
  async list(
    @Param('projectId') projectId: string,
    @Param('name') ref: string,
    @Query() query: unknown,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<string> {
    const wanted = parseRequest(ListTasksRequest, query);
    return answer(response, await this.tasks.list({ projectId, ref }, wanted, principal));
  }

  @Post('tasks/:taskId\\:cancel')
  @RequireScope('executions:control')
  @Documented({
    ...OPERATION,
    id: 'cancelAgentTask',
    summary: 'Cancel a task of an A2A agent',
    description: `Also needs the scope \`executions:read\`. ${VERSION}`,
    response: TaskSchema,
    examples: { cancelled: { value: EXAMPLE_TASK } },
    errors: ['not_found', 'insufficient_scope', 'unsupported_protocol_version'],
  })
  async cancel(
    @Param('projectId') projectId: string,
    @Param('name') ref: string,
    @Param('taskId') taskId: string,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<string> {
    return answer(response, await this.control.cancel({ projectId, ref }, taskId, principal));
  }

  @Post('tasks/:taskId\\:subscribe')
  @RequireScope('executions:read')
  @Documented({
    ...STREAMING,
    id: 'subscribeToAgentTask',
    summary: 'Stream a task of an A2A agent',
    description: `The stream begins with the task as it stands, and ends when the task ends. GET does the same. ${VERSION}`,
    errors: ['not_found', 'unsupported_protocol_version', 'too_many_streams', 'http_version_too_old'],
  })
  async subscribe(
    @Param('projectId') projectId: string,
    @Param('name') ref: string,
    @Param('taskId') taskId: string,
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.control.subscribe({ projectId, ref }, taskId, 'a2a', { principal, request, response });
  }

  /** The specification has POST, and its protocol buffers have GET. */
  @Get('tasks/:taskId\\:subscribe')
  @RequireScope('executions:read')
  @Documented({
    ...STREAMING,
    id: 'watchAgentTask',
    summary: 'Stream a task of an A2A agent, with GET',
    description: `The same as POST. ${VERSION}`,
    errors: ['not_found', 'unsupported_protocol_version', 'too_many_streams', 'http_version_too_old'],
  })
  async watch(
    @Param('projectId') projectId: string,
    @Param('name') ref: string,
    @Param('taskId') taskId: string,
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.subscribe(projectId, ref, taskId, principal, request, response);
  }

  @Get('tasks/:taskId')
  @RequireScope('executions:read')
  @Documented({
    ...OPERATION,
    id: 'getAgentTask',
    summary: 'Get a task of an A2A agent',
    description: `With its artifacts and its history, cut to \`historyLength\` messages. ${VERSION}`,
    query: GetTaskRequest.omit({ id: true }).extend(VersionQuery.shape),
    response: TaskSchema,
    examples: { completed: { value: EXAMPLE_TASK } },
    errors: ['not_found', 'validation_failed', 'unsupported_protocol_version'],
  })
  async get(
    @Param('projectId') projectId: string,
    @Param('name') ref: string,
    @Param('taskId') taskId: string,
    @Query('historyLength') length: unknown,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<string> {
    const { historyLength } = parseRequest(GetTaskRequest, { id: taskId, historyLength: length });
    const { state } = await this.tasks.read({ projectId, ref }, taskId, principal);
    return answer(response, withHistory(taskOf(state), historyLength));
  }

  @Get('extendedAgentCard')
  @RequireScope('workflows:read')
  @Documented({
    ...OPERATION,
    id: 'getExtendedAgentCard',
    summary: 'Get the card of an A2A agent, for clients that ask for the extended one',
    description: `The same card as \`.well-known/agent-card.json\`. ${VERSION}`,
    response: AgentCardSchema,
    examples: { card: { value: EXAMPLE_CARD } },
    errors: ['not_found', 'unsupported_protocol_version'],
  })
  async card(
    @Param('projectId') projectId: string,
    @Param('name') ref: string,
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<string> {
    return answer(response, await this.cards.get({ projectId, ref }, principal, request));
  }
}

/** The routes of push notifications, which this server does not send. */
@ApiExcludeController()
@Controller('api/a2a/:projectId/:name/tasks/:taskId/pushNotificationConfigs')
@AllowAnyScope()
@UseGuards(A2aVersionGuard)
export class PushNotificationsController {
  @Post()
  create(): never {
    throw pushNotificationsUnsupported();
  }

  @Get(['', ':configId'])
  get(): never {
    throw pushNotificationsUnsupported();
  }

  @Delete(':configId')
  delete(): never {
    throw pushNotificationsUnsupported();
  }
}

function answer(response: Response, body: object): string {
  response.type(A2A_CONTENT_TYPE);
  return JSON.stringify(body);
}
