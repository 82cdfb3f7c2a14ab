import { Injectable } from '@nestjs/common';
import type { Principal } from '../../auth/principal.js';
import { nameOf, ownsProject } from '../../auth/principal.js';
import type { ExecutionRow } from '../../engine/execution-row.js';
import { parseEvent } from '../../events/event-bus.js';
import { decodePosition, encodePosition } from '../../executions/queries/list-cursor.js';
import { ExecutionReader } from '../../executions/queries/execution-reader.js';
import { FormatReader } from '../../executions/streams/format-reader.js';
import { JournalReader } from '../../journal/journal-reader.js';
import { NotFoundError, ValidationFailedError } from '../../problems/problem.error.js';
import { taskNotFound } from './a2a-errors.js';
import type { Task, TaskStateName } from './a2a-types.js';
import type { ListTasksRequest } from './requests.js';
import { type ListedTask, TaskListRepository } from './task-list.repository.js';
import { applyToTask, beginTask, taskOf, type TaskState } from './task-state.js';

/** A saved workflow as an agent, as the path of a request names it. */
export interface AgentRef {
  readonly projectId: string;
  /** `name`, `name@3` or `name@production`. The tasks of an agent are those of all versions. */
  readonly ref: string;
}

export interface TaskPage {
  readonly tasks: Task[];
  readonly nextPageToken: string;
  readonly pageSize: number;
  readonly totalSize: number;
}

const DEFAULT_PAGE_SIZE = 50;

/** Reads the executions of saved workflows as tasks. */
@Injectable()
export class TaskReader {
  constructor(
    private readonly executions: ExecutionReader,
    private readonly formats: FormatReader,
    private readonly journal: JournalReader,
    private readonly repository: TaskListRepository,
  ) {}

  /**
   * Finds the execution of a task.
   * @throws A2aError `TASK_NOT_FOUND` if it does not exist, is not the principal's, or is a task of another agent
   */
  async find(agent: AgentRef, taskId: string, principal: Principal): Promise<ExecutionRow> {
    const row = await this.executions.find(taskId, principal).catch((error: unknown) => {
      throw error instanceof NotFoundError ? taskNotFound() : error;
    });
    if (row.project_id !== agent.projectId || row.workflow_name !== nameOf(agent.ref)) throw taskNotFound();
    return row;
  }

  /** Reads a task as it stands, and the sequence of its newest event. @throws A2aError `TASK_NOT_FOUND` */
  async read(
    agent: AgentRef,
    taskId: string,
    principal: Principal,
  ): Promise<{ state: TaskState; lastSequence: number }> {
    const { id } = await this.find(agent, taskId, principal);
    return this.formats.read<TaskState>(id, 'a2a', principal);
  }

  /** Lists tasks, the newest change of status first. @throws ValidationFailedError if the page token is not valid */
  async list(agent: AgentRef, request: ListTasksRequest, principal: Principal): Promise<TaskPage> {
    const { projectId } = agent;
    if (!ownsProject(principal, projectId)) throw new NotFoundError('project');
    const { status, contextId, pageSize = DEFAULT_PAGE_SIZE, pageToken, statusTimestampAfter } = request;
    const filter = {
      projectId,
      name: nameOf(agent.ref),
      // In the JSON of protocol buffers, an empty text is an absent one.
      contextId: contextId || undefined,
      state: status === 'TASK_STATE_UNSPECIFIED' ? undefined : (status as TaskStateName | undefined),
      changedAfter: statusTimestampAfter,
    };
    const { tasks: rows, total } = await this.repository.read(filter, positionOf(pageToken), pageSize + 1);
    const page = rows.slice(0, pageSize);
    const last = rows.length > pageSize ? page.at(-1) : undefined;
    const tasks = request.includeArtifacts
      ? await this.readAll(page, principal)
      : await this.readStatuses(page, projectId);
    return {
      tasks: tasks.map((task) => withHistory(task, request.historyLength)),
      nextPageToken: last ? encodePosition({ id: last.id, createdUs: last.changedUs }) : '',
      pageSize,
      totalSize: total,
    };
  }

  /** Reads whole journals, one after the other: each may be large. */
  private async readAll(page: readonly ListedTask[], principal: Principal): Promise<Task[]> {
    const tasks: Task[] = [];
    for (const { id } of page) {
      // A task may be deleted after the page was read.
      const found = await this.formats.read<TaskState>(id, 'a2a', principal).catch(unlessMissing);
      if (found) tasks.push({ artifacts: [], ...taskOf(found.state) });
    }
    return tasks;
  }

  /** Reads the tasks without the chunks of their artifacts. */
  private async readStatuses(page: readonly ListedTask[], projectId: string): Promise<Task[]> {
    const states = await this.journal.readStates(page.map(({ id }) => id));
    return page.map(({ id, createdAt, thread }) => {
      const state = beginTask({
        id,
        projectId,
        createdAt: createdAt.toISOString(),
        input: null,
        workflow: { nodes: [], edges: [] },
        thread: thread ?? undefined,
      });
      for (const event of states.get(id)?.events ?? []) applyToTask(state, parseEvent(event));
      return taskOf(state);
    });
  }
}

/** Cuts the history to the newest messages. @param length as the client wants it; undefined: all */
export function withHistory(task: Task, length: number | undefined): Task {
  if (length === undefined) return task;
  const { history = [], ...rest } = task;
  return length === 0 || history.length === 0 ? rest : { ...rest, history: history.slice(-length) };
}

function positionOf(pageToken: string | undefined) {
  if (!pageToken) return undefined;
  try {
    const { id, createdUs } = decodePosition(pageToken, true);
    return { id, changedUs: createdUs! };
  } catch (error) {
    if (!(error instanceof ValidationFailedError)) throw error;
    throw new ValidationFailedError([
      {
        path: 'pageToken',
        message: 'must be the nextPageToken of the page before, unchanged, with the same filter',
      },
    ]);
  }
}

function unlessMissing(error: unknown): undefined {
  if (!(error instanceof NotFoundError)) throw error;
}
