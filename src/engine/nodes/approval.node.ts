import { type Json, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import { NodeError, type NodeRun, type NodeType } from '../extension/node-handler.js';

const ApprovalConfig = z.strictObject({
  /** The question for the person. */
  message: orNull(z.string().max(10_000)),
});
type ApprovalConfig = z.infer<typeof ApprovalConfig>;

/**
 * Waits for a person's decision: `POST /api/executions/:id/approve`. Output `{ approved, by, comment }`. A rejection fails
 * the execution.
 */
@BuiltIn()
@NodeHandler('approval')
export class ApprovalNode implements NodeType<ApprovalConfig> {
  readonly config = ApprovalConfig;

  async run(run: NodeRun<ApprovalConfig>): Promise<Json> {
    if (run.config.message) await run.emit({ type: 'execution:output', chunk: run.config.message });
    const decision = await run.decision();
    if (!decision.approved) {
      const comment = decision.comment ? `: ${decision.comment}` : '';
      throw new NodeError('approval_rejected', `${decision.by} did not approve${comment}`);
    }
    return { approved: true, by: decision.by, comment: decision.comment };
  }
}
