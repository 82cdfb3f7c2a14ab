import { Injectable } from '@nestjs/common';
import { INBOX_KINDS, type Json, StartExecution, WorkflowRef } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { requireScopes } from '../../auth/require-scopes.js';
import { sha256 } from '../../common/sha256.js';
import { SavedWorkflows } from '../../engine/extension/saved-workflows.js';
import { ExecutionReader } from '../../executions/queries/execution-reader.js';
import { StreamStarter } from '../../executions/starts/stream-starter.js';
import { FormattedStreams } from '../../executions/streams/formatted-streams.js';
import { parseFramePlace } from '../../executions/streams/frame-place.js';
import { ExecutionThreads, type ThreadExecution } from '../../executions/threads/execution-threads.js';
import { NotFoundError } from '../../problems/problem.error.js';
import { WaitList } from '../../waits/queries/wait-list.js';
import { inputOf } from '../chat-input.js';
import { AG_UI } from './ag-ui-format.js';
import { modelMessages, newestText, snapshotMessages } from './model-messages.js';
import type { RunAgentInput } from './run-agent-input.js';
import { RunRefusedError } from './run-error.js';
import { RunResumer } from './run-resumer.js';
import { ThreadData } from './thread-data.js';
import { threadOf } from './thread-ref.js';

/** A saved workflow, as the path of a request names it. */
export interface AgentRef {
  readonly projectId: string;
  /** `name`, `name@3` or `name@production`. */
  readonly name: string;
}

/** The HTTP request of a run, and its open response. */
export interface RunExchange {
  readonly principal: Principal;
  readonly request: Request;
  readonly response: Response;
  /** The header Last-Event-ID, as the client sent it. */
  readonly lastEventId: string | undefined;
}

/** Starts and continues executions of saved workflows for clients of AG-UI. */
@Injectable()
export class AgUiRuns {
  constructor(
    private readonly workflows: SavedWorkflows,
    private readonly threads: ExecutionThreads,
    private readonly executions: ExecutionReader,
    private readonly waits: WaitList,
    private readonly starter: StreamStarter,
    private readonly streams: FormattedStreams,
    private readonly resumer: RunResumer,
  ) {}

  /**
   * Answers a run with its stream. With `resume` it continues the newest execution of the thread. A repeated run id streams the
   * first run again.
   * @throws RunRefusedError if `resume` is wrong, or missing
   * @throws NotFoundError if the project is not the principal's, or has no such saved workflow
   * @throws what `StreamStarter.open` and `FormattedStreams.open` throw
   */
  async run(agent: AgentRef, input: RunAgentInput, exchange: RunExchange): Promise<void> {
    const { principal, request, response, lastEventId } = exchange;
    const newest = await this.newest(agent, input.threadId, principal);
    if (input.resume && input.resume.length > 0) {
      if (!newest)
        throw new RunRefusedError(
          'resume_invalid',
          'This thread has no run that could be continued. Leave resume out to begin one.',
        );
      await this.resume(newest.executionId, input.resume, exchange);
      return;
    }
    if (newest && runIdOf(newest) !== input.runId) await this.refuseOpenInterrupts(newest, principal);
    const isRef = WorkflowRef.safeParse(agent.name).success;
    const saved = isRef ? await this.workflows.find(agent.projectId, agent.name) : undefined;
    if (!saved) throw new NotFoundError('workflow');
    const { threadId, runId, messages } = input;
    const chat = {
      messages: modelMessages(messages),
      text: newestText(messages),
      threadId,
      data: dataOf(input),
    };
    const body = StartExecution.parse({
      projectId: agent.projectId,
      workflowRef: agent.name,
      input: inputOf(chat, saved.inputSchema),
    });
    const thread = { ...threadOf(agent.projectId, agent.name, threadId), data: threadDataOf(input) };
    const idempotencyKey = keyOf(thread.threadId, runId);
    const format = { name: AG_UI, endsWhenIdle: true };
    await this.starter.open(
      { body, idempotencyKey, lastEventId, types: undefined, format, thread },
      principal,
      request,
      response,
    );
  }

  /**
   * Opens the stream of the newest execution of a thread, from its first run on.
   * @throws NotFoundError if there is none, or if the project is not the principal's
   * @throws what `FormattedStreams.open` throws
   */
  async stream(agent: AgentRef, threadId: string, exchange: RunExchange): Promise<void> {
    const { principal, request, response, lastEventId } = exchange;
    const executionId = await this.executionOf(agent, threadId, principal);
    const place = parseFramePlace(lastEventId);
    await this.streams.open(
      { executionId, format: AG_UI, place, endsWhenIdle: true },
      principal,
      request,
      response,
    );
  }

  /**
   * Returns the id of the newest execution of a thread.
   * @throws NotFoundError if there is none, or if the project is not the principal's
   */
  async executionOf(agent: AgentRef, threadId: string, principal: Principal): Promise<string> {
    const newest = await this.newest(agent, threadId, principal);
    if (!newest) throw new NotFoundError('thread');
    return newest.executionId;
  }

  private async newest(
    { projectId, name }: AgentRef,
    threadId: string,
    principal: Principal,
  ): Promise<ThreadExecution | undefined> {
    if (!ownsProject(principal, projectId)) throw new NotFoundError('project');
    return this.threads.findNewest(threadOf(projectId, name, threadId));
  }

  private async resume(
    executionId: string,
    entries: NonNullable<RunAgentInput['resume']>,
    { principal, request, response }: RunExchange,
  ): Promise<void> {
    requireScopes(principal, ['executions:control', 'executions:read'], 'A run with resume');
    this.streams.check(AG_UI, request);
    const { place, idleAfter } = await this.resumer.resume(executionId, entries, principal);
    const stream = { executionId, format: AG_UI, place, endsWhenIdle: { after: idleAfter } };
    await this.streams.open(stream, principal, request, response);
  }

  /** AG-UI: open interrupts block new input on their thread. */
  private async refuseOpenInterrupts({ executionId }: ThreadExecution, principal: Principal): Promise<void> {
    const { status } = await this.executions.find(executionId, principal);
    if (status !== 'waiting') return;
    const { waits } = await this.waits.list({ executionId, kind: [...INBOX_KINDS], limit: 100 }, principal);
    if (waits.length === 0) return;
    throw new RunRefusedError(
      'interrupts_open',
      `This thread has open interrupts: ${waits.map(({ waitId }) => waitId).join(', ')}. Answer them with resume, or cancel the execution ${executionId}.`,
    );
  }
}

const runIdOf = ({ data }: ThreadExecution): string | undefined => ThreadData.safeParse(data).data?.runId;

const isObject = (value: unknown): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function threadDataOf({ threadId, runId, messages, state }: RunAgentInput): Json {
  return {
    threadId,
    runId,
    messages: snapshotMessages(messages),
    ...(isObject(state) && { state }),
  };
}

const dataOf = ({ state, context, tools, forwardedProps }: RunAgentInput): Json => ({
  state: state ?? null,
  context: context ?? [],
  tools: tools ?? [],
  forwardedProps: forwardedProps ?? null,
});

/** Ids may have any characters and lengths that a key must not have. */
const keyOf = (threadId: string, runId: string): string =>
  `ag-ui:${sha256(JSON.stringify([threadId, runId])).toString('hex')}`;
