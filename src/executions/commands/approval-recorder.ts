import { Injectable } from '@nestjs/common';
import { type ApproveExecution, type Execution, isTerminal, type Step } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { ControlNotifier } from '../../engine/dispatch/control-notifier.js';
import { NodeRegistry } from '../../engine/extension/node-registry.js';
import { ProblemError } from '../../problems/problem.error.js';
import { ExecutionsRepository } from '../executions.repository.js';
import { ExecutionReader } from '../queries/execution-reader.js';
import { ExecutionEndedError } from './execution-ended.error.js';

/** Records persons' answers to nodes that wait for one: `approval` nodes, and nodes whose type may ask for a decision. */
@Injectable()
export class ApprovalRecorder {
  constructor(
    private readonly repository: ExecutionsRepository,
    private readonly reader: ExecutionReader,
    private readonly notifier: ControlNotifier,
    private readonly nodeTypes: NodeRegistry,
  ) {}

  /**
   * Records an answer. Repeating it is harmless.
   * @returns the execution as it is now, perhaps before its owner has applied the answer
   * @throws NotFoundError if the execution does not exist or is not the principal's
   * @throws ProblemError 409 `execution_over`, `no_approval_waiting`, or `already_decided` if the node has another answer
   */
  async record(executionId: string, answer: ApproveExecution, principal: Principal): Promise<Execution> {
    const execution = await this.reader.get(executionId, principal);
    if (isTerminal(execution.status)) throw new ExecutionEndedError(execution.status);
    const { id } = execution;
    const { approved } = answer;
    const { certain, possible } = this.waitingNodes(execution.steps);
    // Nothing records whether a node that may ask does ask: a node that certainly does takes precedence.
    const nodeId = answer.nodeId ?? onlyOne(certain.length > 0 ? certain : possible);
    const decision = possible.includes(nodeId)
      ? await this.repository.decide(id, nodeId, {
          approved,
          comment: answer.comment ?? null,
          decidedBy: principal.id,
        })
      : await this.repository.findDecision(id, nodeId);
    if (!decision)
      throw new ProblemError('no_approval_waiting', `Node ${nodeId} is not waiting for an approval.`);
    if (decision.approved !== approved)
      throw new ProblemError(
        'already_decided',
        `Node ${nodeId} was already decided by ${decision.decidedBy}.`,
      );
    const [after] = await Promise.all([this.reader.get(id, principal), this.notifier.notify(id)]);
    return after;
  }

  /** Finds the running nodes that certainly wait for an answer, and all that possibly do. */
  private waitingNodes(steps: readonly Step[]): { certain: string[]; possible: string[] } {
    const running = steps.filter((step) => step.status === 'running');
    const asks = ({ nodeType }: Step) => this.nodeTypes.find(nodeType)?.asks;
    return {
      certain: running.filter((step) => asks(step) === true).map((step) => step.nodeId),
      possible: running.filter((step) => asks(step) !== false).map((step) => step.nodeId),
    };
  }
}

/** @throws ProblemError 409 `no_approval_waiting` unless exactly one node is waiting */
function onlyOne(waiting: readonly string[]): string {
  const [nodeId] = waiting;
  if (nodeId !== undefined && waiting.length === 1) return nodeId;
  const detail =
    nodeId === undefined
      ? 'No approval node is waiting.'
      : `Several approval nodes are waiting (${waiting.join(', ')}): name one as nodeId.`;
  throw new ProblemError('no_approval_waiting', detail);
}
