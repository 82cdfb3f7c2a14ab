import { Injectable } from '@nestjs/common';
import { type Execution, isTerminal } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import type { DesiredState } from '../../database/schema.js';
import { ChildrenProgress } from '../../engine/children/children-progress.js';
import { TreeControl } from '../../engine/children/tree-control.js';
import { ControlNotifier } from '../../engine/dispatch/control-notifier.js';
import { Dispatcher } from '../../engine/dispatch/dispatcher.js';
import type { ExecutionRow } from '../../engine/execution-row.js';
import { Journal } from '../../journal/journal.js';
import { NotFoundError, ProblemError } from '../../problems/problem.error.js';
import { ExecutionRedactors } from '../../secrets/execution-redactors.js';
import { checkId } from '../execution-id.js';
import { ExecutionsRepository } from '../executions.repository.js';
import { ExecutionReader } from '../queries/execution-reader.js';
import { visibleProjects } from '../visible-projects.js';
import { ExecutionEndedError } from './execution-ended.error.js';

/** Pauses, resumes and cancels executions, each with all executions below it. */
@Injectable()
export class ExecutionControl {
  constructor(
    private readonly repository: ExecutionsRepository,
    private readonly reader: ExecutionReader,
    private readonly journal: Journal,
    private readonly notifier: ControlNotifier,
    private readonly dispatcher: Dispatcher,
    private readonly tree: TreeControl,
    private readonly progress: ChildrenProgress,
    private readonly redactors: ExecutionRedactors,
  ) {}

  /**
   * Requests a state of an execution. Its owner applies the request; repeating it is harmless. An execution without an
   * owner is cancelled here.
   * @returns the execution as it is now, usually before the owner has applied the request
   * @throws NotFoundError if the execution does not exist or is not the principal's
   * @throws ProblemError 409 `execution_over`, `execution_cancelling` or `parent_paused`
   */
  async request(
    executionId: string,
    desired: DesiredState,
    principal: Principal,
    givenReason: string | null = null,
  ): Promise<Execution> {
    const id = checkId(executionId);
    const projectIds = visibleProjects(principal, undefined);
    const by = principal.id;
    const reason = givenReason === null ? null : await this.withoutSecrets(id, givenReason);
    const row = await this.repository.requestState({ executionId: id, projectIds, desired, by, reason });
    if (!row) throw new NotFoundError();
    if (desired === 'cancel' && row.status === 'cancelled') return this.reader.show(row);
    if (isTerminal(row.status)) throw new ExecutionEndedError(row.status);
    if (row.desired_state === 'cancel' && desired !== 'cancel')
      throw new ProblemError('execution_cancelling', 'The execution is being cancelled.');
    if (await this.isBelowPaused(row, desired)) {
      // Its owner may have resumed it in between.
      await this.notifier.notify(id);
      throw new ProblemError('parent_paused');
    }
    const isUnowned = row.owner === null;
    // It may be a child that has not begun, and whose turn has come during the pause.
    if (desired === 'run' && isUnowned && row.parent_id !== null) this.progress.notify([row.parent_id]);
    if (desired === 'cancel' && isUnowned && (await this.journal.appendIfUnowned(id, { by, reason })))
      return this.reader.get(id, principal);
    if (isUnowned && row.parked) this.dispatcher.notifyQueued();
    const [execution] = await Promise.all([
      // A process may have claimed the execution since the row was read.
      isUnowned ? this.reader.get(id, principal) : this.reader.show(row),
      this.notifier.notify(id),
    ]);
    // Children that begin later copy the request from the row of their parent.
    const hasChildren = execution.waits?.some(({ kind }) => kind === 'children');
    return hasChildren ? this.requestBelow(row, desired, principal) : execution;
  }

  /** The reason is stored, and its event may be recorded by any process. */
  private async withoutSecrets(executionId: string, reason: string): Promise<string> {
    const versions = await this.repository.secretVersions(executionId);
    return this.redactors.textWithVersions(reason, versions);
  }

  private async requestBelow(
    { id, desired_state_by: by, desired_state_reason: reason }: ExecutionRow,
    desired: DesiredState,
    principal: Principal,
  ): Promise<Execution> {
    if (desired === 'cancel') {
      await this.tree.cancelBelow(id, { by, reason });
      await this.journal.appendIfUnowned(id, { by, reason });
    } else {
      const parents = await this.tree.mark(id, desired, { by, reason });
      if (desired === 'run') this.progress.notify([id, ...parents]);
    }
    return this.reader.get(id, principal);
  }

  private async isBelowPaused(row: ExecutionRow, desired: DesiredState): Promise<boolean> {
    if (desired !== 'run' || row.parent_id === null) return false;
    return row.desired_state === 'pause' || this.repository.pauseBelowPaused(row.id);
  }
}
