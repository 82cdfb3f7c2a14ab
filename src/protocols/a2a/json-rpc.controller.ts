import { Body, Controller, Headers, Param, Post, Req, Res, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { AllowAnyScope, CurrentPrincipal } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { requireScopes } from '../../auth/require-scopes.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { checkIdempotencyKey } from '../../problems/idempotency-key.js';
import { A2aError } from './a2a-errors.js';
import { A2aFormat } from './a2a.format.js';
import { AgentCards } from './agent-cards.js';
import {
  AGENT_PARAMS,
  RPC_ERROR_FORM,
  RpcAnswer,
  RpcRequest,
  StreamText,
  VersionQuery,
} from './documented-schemas.js';
import { EXAMPLE_FRAMES, EXAMPLE_RPC, EXAMPLE_RPC_ANSWER } from './examples.js';
import { jsonRpcFormat } from './json-rpc.format.js';
import { parseRequest } from './parse-request.js';
import { GetTaskRequest, ListTasksRequest, SendMessageRequest, TaskRequest } from './requests.js';
import { TaskControl } from './task-control.js';
import { TaskReader, withHistory } from './task-reader.js';
import { taskOf } from './task-state.js';
import { pushNotificationsUnsupported, TaskSender } from './task-sender.js';
import { A2aVersionGuard } from './version.guard.js';

const Call = z.object({
  jsonrpc: z.literal('2.0'),
  id: z.union([z.string().max(200), z.number()]),
  method: z.string().max(200),
  params: z.unknown().optional(),
});
type Call = z.infer<typeof Call>;

/** The JSON-RPC binding of A2A (section 9 of the specification). */
@Controller('api/a2a/:projectId/:name')
@AllowAnyScope()
@UseGuards(A2aVersionGuard)
export class JsonRpcController {
  constructor(
    private readonly format: A2aFormat,
    private readonly sender: TaskSender,
    private readonly tasks: TaskReader,
    private readonly control: TaskControl,
    private readonly cards: AgentCards,
  ) {}

  @Post()
  @Documented({
    id: 'callAgent',
    tag: 'Protocols',
    summary: 'Call a saved workflow as an A2A agent, by JSON-RPC',
    description:
      'The JSON-RPC binding of A2A 1.0. Methods: `SendMessage`, `SendStreamingMessage`, `GetTask`, `ListTasks`, `CancelTask`, ' +
      '`SubscribeToTask` and `GetExtendedAgentCard`. A task is an execution. The scopes are those of the same operation of the ' +
      'HTTP+JSON binding. Needs the header `A2A-Version: 1.0`. Errors are JSON-RPC errors.',
    status: 200,
    alternatives: [
      {
        status: 200,
        description: 'Of the two methods that stream: server-sent events, each with an answer.',
        content: {
          'text/event-stream': { schema: StreamText, examples: { frames: { value: EXAMPLE_FRAMES } } },
        },
      },
    ],
    query: VersionQuery,
    params: AGENT_PARAMS,
    errorForm: RPC_ERROR_FORM,
    requestHeaders: ['Idempotency-Key'],
    body: { schema: RpcRequest, required: true, examples: { send: { value: EXAMPLE_RPC } } },
    response: RpcAnswer,
    examples: { sent: { value: EXAMPLE_RPC_ANSWER } },
    errors: ['not_found', 'insufficient_scope', 'unsupported_operation', 'unsupported_protocol_version'],
  })
  async call(
    @Param('projectId') projectId: string,
    @Param('name') ref: string,
    @Body() body: unknown,
    @CurrentPrincipal() principal: Principal,
    @Headers('idempotency-key') key: string | undefined,
    @Req() request: Request,
    // Without `passthrough`: streams and clients that have left are not answered by Nest.
    @Res() response: Response,
  ): Promise<void> {
    const call = readCall(body);
    const { id, params = {} } = call;
    // The message would stay in memory as long as the response is open. Errors have the id of the request.
    request.body = { id };
    const agent = { projectId, ref };
    const sender = { principal, idempotencyKey: checkIdempotencyKey(key), request, response };
    const format = jsonRpcFormat(this.format, id);
    if (call.method === 'SendStreamingMessage') {
      await this.sender.stream(agent, parseRequest(SendMessageRequest, params), format, sender);
      return;
    }
    if (call.method === 'SubscribeToTask') {
      await this.control.subscribe(agent, parseRequest(TaskRequest, params).id, format, sender);
      return;
    }
    const result = await this.result(call.method, params, agent, sender);
    if (!response.closed) response.json({ jsonrpc: '2.0', id, result });
  }

  private async result(
    method: string,
    params: unknown,
    agent: { projectId: string; ref: string },
    sender: Parameters<TaskSender['send']>[2],
  ): Promise<object> {
    const { principal } = sender;
    switch (method) {
      case 'SendMessage':
        return { task: await this.sender.send(agent, parseRequest(SendMessageRequest, params), sender) };
      case 'GetTask': {
        requireScopes(principal, ['executions:read']);
        const { id, historyLength } = parseRequest(GetTaskRequest, params);
        return withHistory(taskOf((await this.tasks.read(agent, id, principal)).state), historyLength);
      }
      case 'ListTasks':
        requireScopes(principal, ['executions:read']);
        return this.tasks.list(agent, parseRequest(ListTasksRequest, params), principal);
      case 'CancelTask':
        return this.control.cancel(agent, parseRequest(TaskRequest, params).id, principal);
      case 'GetExtendedAgentCard':
        return this.cards.get(agent, principal, sender.request);
      case 'CreateTaskPushNotificationConfig':
      case 'GetTaskPushNotificationConfig':
      case 'ListTaskPushNotificationConfigs':
      case 'DeleteTaskPushNotificationConfig':
        throw pushNotificationsUnsupported();
      default:
        throw new A2aError(
          'METHOD_NOT_FOUND',
          'unsupported_operation',
          `${method.startsWith('tasks/') || method.startsWith('message/') ? 'This is a method of A2A 0.3, and the agent speaks 1.0' : 'A2A has no such method'}. Use a method of A2A 1.0, such as SendMessage or GetTask.`,
        );
    }
  }
}

/** @throws A2aError `INVALID_REQUEST` */
function readCall(body: unknown): Call {
  const { data } = Call.safeParse(body);
  if (data) return data;
  throw new A2aError(
    'INVALID_REQUEST',
    'validation_failed',
    'Send one JSON-RPC 2.0 request: {"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{…}}. The id is a text or a number.',
  );
}
