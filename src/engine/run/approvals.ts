import { abortable } from '../../common/abortable.js';
import type { ApprovalDecision } from '../extension/node-handler.js';

/** People's decisions on the nodes of one execution. A decision may arrive before its node waits for it, or after. */
export class Approvals {
  private readonly decisions = new Map<string, PromiseWithResolvers<ApprovalDecision>>();

  /** Only the first decision on a node counts. */
  decide(nodeId: string, decision: ApprovalDecision): void {
    this.get(nodeId).resolve(decision);
  }

  /** @throws the signal's reason when it aborts first */
  wait(nodeId: string, signal: AbortSignal): Promise<ApprovalDecision> {
    return abortable(this.get(nodeId).promise, signal);
  }

  private get(nodeId: string): PromiseWithResolvers<ApprovalDecision> {
    const decision = this.decisions.get(nodeId) ?? Promise.withResolvers<ApprovalDecision>();
    this.decisions.set(nodeId, decision);
    return decision;
  }
}
