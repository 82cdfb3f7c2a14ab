import { Body, Controller, Get, Headers, Param, Post, Req, Res } from '@nestjs/common';
import { ControlExecution, Execution, ProjectId, WorkflowRef } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { withoutContent } from '../../executions/shown-execution.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { checkIdempotencyKey } from '../../problems/idempotency-key.js';
import { AiSdkChats } from './ai-sdk-chats.js';
import { ChatId, ChatRequest } from './chat-request.js';
import { EXAMPLE_CHAT, EXAMPLE_CHUNKS, EXAMPLE_STOPPED } from './examples.js';

const WORKFLOW = { projectId: ProjectId, name: WorkflowRef };
const CHAT = { ...WORKFLOW, chatId: ChatId };
const Chunk = z
  .looseObject({ type: z.string() })
  .meta({ id: 'AiSdkChunk', description: 'A chunk of the UI message stream of the AI SDK.' });

/** The routes that `useChat` of the AI SDK calls. */
@Controller('api/ai-sdk/:projectId/:name')
export class AiSdkController {
  constructor(private readonly chats: AiSdkChats) {}

  @Post()
  @RequireScope('executions:write')
  @Documented({
    id: 'answerAiSdkChat',
    tag: 'Protocols',
    summary: 'Answer a chat of the AI SDK with a saved workflow',
    description:
      'Takes the body of `DefaultChatTransport` and answers with the UI message stream (`x-vercel-ai-ui-message-stream: v1`). A ' +
      'message of the user starts an execution. A message of the assistant with answers to approvals continues its execution. The ' +
      'stream ends when the execution has ended, or waits for an approval. It needs the scope `executions:read` too, and approvals ' +
      'need `executions:control`. `name` may have a version or an alias: `support@3`, `support@production`. A repeated ' +
      'Idempotency-Key streams the first execution. A client that leaves does not cancel the execution.',
    status: 200,
    params: WORKFLOW,
    requestHeaders: ['Idempotency-Key'],
    body: { schema: ChatRequest, required: true, examples: { chat: { value: EXAMPLE_CHAT } } },
    response: Chunk,
    contentType: 'text/event-stream',
    examples: EXAMPLE_CHUNKS,
    responseHeaders: ['Location', 'Idempotency-Replayed'],
    errors: [
      'not_found',
      'input_invalid',
      'invalid_answer',
      'not_assigned',
      'execution_over',
      'idempotency_key_reused',
      'too_many_streams',
      'no_worker_free',
      'http_version_too_old',
    ],
  })
  async answer(
    @Param('projectId') projectId: string,
    @Param('name', { schema: WorkflowRef }) workflowRef: string,
    @Body({ schema: ChatRequest }) chat: ChatRequest,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const key = checkIdempotencyKey(idempotencyKey);
    // The parsed body is another object. This one would stay in memory as long as the response is open.
    request.body = undefined;
    const ref = { projectId, workflowRef, chatId: chat.id };
    await this.chats.answer(ref, chat, key, { principal, request, response });
  }

  @Get(':chatId/stream')
  @RequireScope('executions:read')
  @Documented({
    id: 'resumeAiSdkChat',
    tag: 'Protocols',
    summary: 'Resume the newest answer of a chat of the AI SDK',
    description:
      'Sends the newest answer from its beginning, as `resumeStream` of `useChat` expects it, and then what follows. An execution that ' +
      'has ended is sent too, unless a client has received its answer to the end.',
    status: 200,
    noContent: 'There is nothing to resume: the chat has no answer, or a client has received all of it.',
    params: CHAT,
    response: Chunk,
    contentType: 'text/event-stream',
    examples: EXAMPLE_CHUNKS,
    errors: ['not_found', 'too_many_streams', 'http_version_too_old'],
  })
  async resume(
    @Param('projectId') projectId: string,
    @Param('name', { schema: WorkflowRef }) workflowRef: string,
    @Param('chatId', { schema: ChatId }) chatId: string,
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.chats.resume({ projectId, workflowRef, chatId }, { principal, request, response });
  }

  @Post(':chatId/cancel')
  @RequireScope('executions:control')
  @Documented({
    id: 'cancelAiSdkChat',
    tag: 'Protocols',
    summary: 'Cancel the newest answer of a chat of the AI SDK',
    description:
      '`stop` of `useChat` only closes the connection. This ends the execution as well. The stream then ends with `abort`.',
    status: 202,
    noContent: 'The execution has ended already.',
    params: CHAT,
    body: {
      schema: ControlExecution,
      required: false,
      examples: { stop: { value: { reason: 'The user has stopped it' } } },
    },
    response: Execution,
    examples: { execution: { value: EXAMPLE_STOPPED } },
    errors: ['not_found'],
  })
  async cancel(
    @Param('projectId') projectId: string,
    @Param('name', { schema: WorkflowRef }) workflowRef: string,
    @Param('chatId', { schema: ChatId }) chatId: string,
    @Body({ schema: ControlExecution }) { reason }: ControlExecution,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Execution | undefined> {
    const execution = await this.chats.cancel({ projectId, workflowRef, chatId }, reason ?? null, principal);
    if (!execution) response.status(204);
    return execution && withoutContent(principal, execution);
  }
}
