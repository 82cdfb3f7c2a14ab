import { Injectable } from '@nestjs/common';
import {
  applyEvent,
  type ApproveExecution,
  type Execution,
  type ExecutionState,
  initialState,
  isTerminal,
  type StartExecution,
  type Step,
} from '@cloutagent/contract';
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ownsProject, type Principal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import type { DesiredState } from '../database/schema.js';
import { Dispatcher } from '../engine/dispatch/dispatcher.js';
import { type ExecutionRow, toExecution } from '../engine/execution-row.js';
import { NodeRegistry } from '../engine/extension/node-registry.js';
import { parseEvent } from '../events/event-bus.js';
import { v7 as uuidv7 } from '../common/uuid.js';
import { JournalReader } from '../journal/journal-reader.js';
import { NotFoundError, ProblemError } from '../problems/problem.error.js';
import { checkId } from './execution-id.js';
import { WorkflowValidator } from './commands/workflow-validator.js';

const UNIQUE_VIOLATION = '23505';

const INSERT = `
  INSERT INTO cloutagent.executions
    (id, project_id, input, workflow, options, tags, created_by, idempotency_key, request_hash, runnable_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now()) RETURNING *`;

/** Starts, shows and steers executions for those they belong to. */
@Injectable()
export class ExecutionsService {
  constructor(
    private readonly database: Database,
    private readonly journal: JournalReader,
    private readonly dispatcher: Dispatcher,
    private readonly workflows: WorkflowValidator,
    private readonly nodeTypes: NodeRegistry,
  ) {}

  /**
   * @param idempotencyKey the same key with a body that means the same starts nothing new, and gets what it started
   * @throws ProblemError 422 for the same key with another body
   */
  async start(
    request: StartExecution,
    principal: Principal,
    idempotencyKey?: string,
  ): Promise<{ execution: Execution; replayed: boolean }> {
    if (!ownsProject(principal, request.projectId)) throw new NotFoundError('project');
    await this.workflows.check(request);
    const body = JSON.stringify(request);
    const hash = createHash('sha256').update(body).digest('hex');
    const known =
      idempotencyKey === undefined
        ? undefined
        : await this.startedWith(idempotencyKey, { body, hash }, request.projectId, principal);
    if (known) return { execution: known, replayed: true };
    try {
      return { execution: await this.insert(request, principal, idempotencyKey, hash), replayed: false };
    } catch (error) {
      if ((error as { code?: string }).code !== UNIQUE_VIOLATION || idempotencyKey === undefined) throw error;
      // Another request with the key was first.
      const first = await this.startedWith(idempotencyKey, { body, hash }, request.projectId, principal);
      if (!first) throw error;
      return { execution: first, replayed: true };
    }
  }

  /** The row of an execution the principal may see. @throws NotFoundError also for what is no execution id */
  async find(executionId: string, principal: Principal): Promise<ExecutionRow> {
    const id = checkId(executionId);
    const row = await this.database.kysely
      .selectFrom('executions')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst();
    if (!row || !ownsProject(principal, row.project_id)) throw new NotFoundError();
    return row;
  }

  async show(row: ExecutionRow): Promise<Execution> {
    return (await this.showAll([row]))[0]!;
  }

  /**
   * Asks the owner to pause, resume or cancel; repeating it is harmless.
   * @throws ProblemError 409 when the execution is at its end
   */
  async control(
    row: ExecutionRow,
    desired: DesiredState,
    principal: Principal,
    reason?: string,
  ): Promise<Execution> {
    const already = desired === 'cancel' && row.status === 'cancelled';
    if (isTerminal(row.status) && !already) {
      throw new ProblemError(
        'execution_over',
        `The execution is ${row.status}: nothing about it changes any more.`,
      );
    }
    if (already) return this.show(row);
    if (row.desired_state === 'cancel' && desired !== 'cancel') {
      throw new ProblemError('execution_cancelling', 'The execution is being cancelled.');
    }
    if (row.desired_state !== desired) {
      await this.database.kysely
        .updateTable('executions')
        .set({ desired_state: desired, desired_state_by: principal.id, desired_state_reason: reason ?? null })
        .where('id', '=', row.id)
        .where('desired_state', '<>', 'cancel')
        .execute();
    }
    if (desired === 'cancel' && (await this.dispatcher.cancelUnowned(row.id, principal.id, reason)))
      return this.show(await this.find(row.id, principal));
    await this.dispatcher.notifyOwner(row.id);
    return this.show(await this.find(row.id, principal));
  }

  /**
   * Answers a node that waits for a person: an `approval`, or one whose type may ask for a decision.
   * @throws ProblemError 409 when it does not wait, or was answered otherwise
   */
  async approve(row: ExecutionRow, answer: ApproveExecution, principal: Principal): Promise<Execution> {
    if (isTerminal(row.status))
      throw new ProblemError('execution_over', `The execution is ${row.status}: no approval is waited for.`);
    const running = (await this.show(row)).steps.filter((step) => step.status === 'running');
    const asks = ({ nodeType }: Step) => this.nodeTypes.find(nodeType)?.asks;
    const asking = running.filter((step) => asks(step) === true);
    const mayAsk = running.filter((step) => asks(step) !== false);
    // Whether a node of a type that may ask does, nothing says: one that certainly does goes before it.
    const waiting = (asking.length > 0 ? asking : mayAsk).map((step) => step.nodeId);
    const nodeId = answer.nodeId ?? (waiting.length === 1 ? waiting[0] : undefined);
    if (nodeId === undefined) {
      const which =
        waiting.length === 0
          ? 'No approval is waited for.'
          : `Several approvals are waited for (${waiting.join(', ')}): name one as nodeId.`;
      throw new ProblemError('no_approval_waiting', which);
    }
    const before = await this.decisionOn(row.id, nodeId);
    if (!before && !mayAsk.some((step) => step.nodeId === nodeId))
      throw new ProblemError('no_approval_waiting', `Node ${nodeId} does not wait for an approval.`);
    await this.database.kysely
      .insertInto('approvals')
      .values({
        execution_id: row.id,
        node_id: nodeId,
        approved: answer.approved,
        comment: answer.comment ?? null,
        decided_by: principal.id,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    // Of two answers at once, the first is the decision.
    const decision = before ?? (await this.decisionOn(row.id, nodeId));
    if (decision && decision.approved !== answer.approved)
      throw new ProblemError(
        'already_decided',
        `Node ${nodeId} was already decided by ${decision.decided_by}.`,
      );
    await this.dispatcher.notifyOwner(row.id);
    return this.show(await this.find(row.id, principal));
  }

  private async decisionOn(
    executionId: string,
    nodeId: string,
  ): Promise<{ approved: boolean; decided_by: string } | undefined> {
    return this.database.kysely
      .selectFrom('approvals')
      .select(['approved', 'decided_by'])
      .where('execution_id', '=', executionId)
      .where('node_id', '=', nodeId)
      .executeTakeFirst();
  }

  private async insert(
    request: StartExecution,
    principal: Principal,
    idempotencyKey: string | undefined,
    hash: string,
  ): Promise<Execution> {
    const { rows } = await this.database.pool.query<ExecutionRow>({
      name: 'execution-insert',
      text: INSERT,
      values: [
        uuidv7(),
        request.projectId,
        JSON.stringify(request.input),
        JSON.stringify(request.workflow),
        JSON.stringify(request.options ?? {}),
        request.tags,
        principal.id,
        idempotencyKey ?? null,
        hash,
      ],
    });
    this.dispatcher.notifyQueued();
    return toExecution(rows[0]!, initialState());
  }

  private async startedWith(
    key: string,
    { body, hash }: { body: string; hash: string },
    projectId: string,
    principal: Principal,
  ): Promise<Execution | undefined> {
    const row = await this.database.kysely
      .selectFrom('executions')
      .selectAll()
      .where('project_id', '=', projectId)
      .where('created_by', '=', principal.id)
      .where('idempotency_key', '=', key)
      .executeTakeFirst();
    if (!row) return undefined;
    if (row.request_hash !== hash && !isStartedBy(row, body)) {
      throw new ProblemError('idempotency_key_reused');
    }
    return this.show(row);
  }

  private async showAll(rows: readonly ExecutionRow[]): Promise<Execution[]> {
    const ids = rows.map((row) => row.id);
    const [milestones, last] = await Promise.all([
      this.journal.stateEvents(ids),
      this.journal.lastSequences(ids),
    ]);
    return rows.map((row) => {
      const state: ExecutionState = initialState();
      for (const event of milestones.get(row.id) ?? []) applyEvent(state, parseEvent(event));
      state.lastSequence = Math.max(state.lastSequence, last.get(row.id) ?? 0);
      return toExecution(row, state);
    });
  }
}

/** Whether a request, as JSON, means the same as the one that started an execution: the order of members means nothing. */
function isStartedBy({ project_id, input, workflow, options, tags }: ExecutionRow, body: string): boolean {
  const request = JSON.parse(body) as StartExecution;
  return isDeepStrictEqual(
    { ...request, options: request.options ?? {} },
    { projectId: project_id, input, workflow, options, tags },
  );
}
