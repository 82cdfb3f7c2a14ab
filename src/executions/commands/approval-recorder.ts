import { Injectable } from '@nestjs/common';
import {
  type ApproveExecution,
  type Execution,
  isTerminal,
  type Step,
  type Workflow,
} from '@cloutagent/contract';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Principal } from '../../auth/principal.js';
import { NodeRegistry } from '../../engine/extension/node-registry.js';
import { type AnswerableWait, WaitAnswers } from '../../engine/waits/wait-answers.js';
import { ProblemError } from '../../problems/problem.error.js';
import { ExecutionReader } from '../queries/execution-reader.js';
import { checkAssigned } from './assignment.js';
import { ExecutionEndedError } from './execution-ended.error.js';

/** A wait opens a few ms after its node has begun. */
const TRY_INTERVAL_MS = 50;
const MAX_TRIES = 40;

/** Records persons' answers to approvals: a short form of the answer to a wait, which names the node and not the wait. */
@Injectable()
export class ApprovalRecorder {
  constructor(
    private readonly reader: ExecutionReader,
    private readonly waits: WaitAnswers,
    private readonly nodeTypes: NodeRegistry,
  ) {}

  /**
   * Records an answer. Repeating it is harmless.
   * @returns the execution as it is now, perhaps before its owner has applied the answer
   * @throws NotFoundError if the execution does not exist or is not the principal's
   * @throws ProblemError 400 `invalid_answer` if the approval has a form, 403 `not_assigned`, 409 `execution_over`,
   *   `no_approval_waiting`, or `already_decided` if the node has another answer
   */
  async record(executionId: string, answer: ApproveExecution, principal: Principal): Promise<Execution> {
    const { id, status, workflow } = await this.reader.find(executionId, principal);
    if (isTerminal(status)) throw new ExecutionEndedError(status);
    const { approved, comment } = answer;
    const approvals = await this.approvalsOf(id, answer.nodeId, principal);
    const wait = waitOf(approvals, answer.nodeId, approvalNodes(workflow));
    if (wait.outcome === null) {
      checkAssigned(wait.assignees, principal);
      try {
        await this.waits.answer(wait, { approved, comment }, principal.id);
      } catch (error) {
        if (!isConflict(error)) throw error;
        checkSame(await this.waits.find(wait.id), approved);
      }
    } else checkSame(wait, approved);
    return this.reader.get(id, principal);
  }

  /**
   * Reads the approvals of an execution. A client may answer as soon as it sees that the node has begun, so this waits a
   * moment for a node whose wait is not open yet.
   */
  private async approvalsOf(
    id: string,
    nodeId: string | undefined,
    principal: Principal,
  ): Promise<AnswerableWait[]> {
    for (let tries = 1; ; tries += 1) {
      const approvals = await this.waits.approvalsOf(id);
      const isFound = approvals.some((wait) => nodeId === undefined || wait.nodeId === nodeId);
      if (isFound || tries === MAX_TRIES) return approvals;
      const { steps } = await this.reader.get(id, principal);
      if (!steps.some((step) => this.isBeginning(step, nodeId))) return this.waits.approvalsOf(id);
      await sleep(TRY_INTERVAL_MS);
    }
  }

  /** Whether a node has begun and may open its wait soon. Of the built-in types only `approval` asks for a decision. */
  private isBeginning({ status, nodeType, nodeId }: Step, named: string | undefined): boolean {
    if (status !== 'running') return false;
    if (named !== undefined) return nodeId === named;
    return nodeType === 'approval' || this.nodeTypes.registered(nodeType)?.code !== undefined;
  }
}

const approvalNodes = ({ nodes }: Workflow): Set<string> =>
  new Set(nodes.filter(({ type }) => type === 'approval').map(({ id }) => id));

/** @throws ProblemError unless the approval has the same answer */
function checkSame(wait: AnswerableWait | undefined, approved: boolean): void {
  if (wait?.outcome !== 'answered')
    throw new ProblemError('no_approval_waiting', 'The approval has expired or has ended.');
  if ((wait.answer as { approved?: boolean } | null)?.approved !== approved)
    throw new ProblemError(
      'already_decided',
      `Node ${wait.nodeId} was already decided by ${wait.settledBy}.`,
    );
}

const isConflict = (error: unknown): boolean =>
  error instanceof ProblemError && (error.code === 'wait_already_answered' || error.code === 'wait_expired');

/**
 * Finds the approval that an answer is for: of the node that it names, the newest one; otherwise the only one that waits.
 * Nodes of the type approval come before nodes of modules. An
 * approval whose answer the journal does not have yet counts if no other one waits, so that an answer can be repeated.
 * @throws ProblemError 409 `no_approval_waiting`
 */
function waitOf(
  approvals: readonly AnswerableWait[],
  nodeId: string | undefined,
  approvalIds: ReadonlySet<string>,
): AnswerableWait {
  const isOpen = ({ outcome }: AnswerableWait) => outcome === null;
  if (nodeId !== undefined) {
    const ofNode = approvals.filter((wait) => wait.nodeId === nodeId);
    const wait = ofNode.findLast(isOpen) ?? ofNode.at(-1);
    if (wait) return wait;
    throw new ProblemError('no_approval_waiting', `Node ${nodeId} is not waiting for an approval.`);
  }
  const open = approvals.filter(isOpen);
  const candidates = open.length > 0 ? open : approvals.filter(({ isRecorded }) => !isRecorded);
  const ofApprovalNodes = candidates.filter((each) => approvalIds.has(each.nodeId));
  const [wait, ...others] = ofApprovalNodes.length > 0 ? ofApprovalNodes : candidates;
  if (wait && others.length === 0) return wait;
  const names = candidates.map((each) => each.nodeId).join(', ');
  throw new ProblemError(
    'no_approval_waiting',
    wait
      ? `Several approval nodes are waiting (${names}): name one as nodeId.`
      : 'No approval node is waiting.',
  );
}
