import type { ApprovalDecision } from '../extension/node-handler.js';

/** What persons decided on the approval nodes of one execution, and who waits for it, in either order. */
export class Approvals {
  private readonly decisions = new Map<string, PromiseWithResolvers<ApprovalDecision>>();

  decide(nodeId: string, decision: ApprovalDecision): void {
    this.of(nodeId).resolve(decision);
  }

  /** @throws the signal's reason when it aborts first */
  async wait(nodeId: string, signal: AbortSignal): Promise<ApprovalDecision> {
    signal.throwIfAborted();
    const stopped = Promise.withResolvers<never>();
    const stop = () => stopped.reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await Promise.race([this.of(nodeId).promise, stopped.promise]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  private of(nodeId: string): PromiseWithResolvers<ApprovalDecision> {
    const known = this.decisions.get(nodeId) ?? Promise.withResolvers<ApprovalDecision>();
    this.decisions.set(nodeId, known);
    return known;
  }
}
