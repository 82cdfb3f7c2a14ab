import { type Json, JsonSchema, orDefault, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import {
  type ConfigCheck,
  type ConfigProblem,
  NodeError,
  type NodeRun,
  type NodeType,
} from '../extension/node-handler.js';
import { JsonSchemas } from './json-schemas.js';
import { ExpiresInMs, schemaProblems } from './wait-config.js';

const MAX_ASSIGNEES = 100;
/** PostgreSQL cannot store U+0000 and half characters, and no principal's id has them. */
const PrincipalId = z
  .string()
  .min(1)
  .max(1_000)
  .refine((text) => text.isWellFormed() && !text.includes('\0'), { error: 'must be the id of a principal' });

const ApprovalConfig = z.strictObject({
  /** The question for the person. */
  message: orNull(z.string().max(10_000)),
  schema: orNull(JsonSchema),
  assignees: orNull(z.array(PrincipalId).min(1).max(MAX_ASSIGNEES)).meta({
    description:
      'Ids of the principals that may answer. Default: every principal that may control the execution.',
  }),
  expiresInMs: orNull(ExpiresInMs),
  onExpire: orDefault(z.enum(['reject', 'approve', 'fail']), () => 'fail' as const),
  onReject: orDefault(z.enum(['fail', 'continue']), () => 'fail' as const),
});
type ApprovalConfig = z.infer<typeof ApprovalConfig>;

/**
 * Waits for a person's decision. Output `{ approved, by, comment, values }`; `values` are those of the form that `schema`
 * describes. `by` and `comment` are null if the time ended and `onExpire` decided.
 */
@BuiltIn()
@NodeHandler('approval')
export class ApprovalNode implements NodeType<ApprovalConfig> {
  readonly config = ApprovalConfig;

  constructor(private readonly schemas: JsonSchemas) {}

  check({ schema }: ApprovalConfig, check: ConfigCheck): Promise<ConfigProblem[]> {
    return schemaProblems(this.schemas, schema, check);
  }

  async run(run: NodeRun<ApprovalConfig>): Promise<Json> {
    const { message, schema, assignees, expiresInMs, onExpire, onReject } = run.config;
    // The handler is called again when the wait has ended.
    if (message && !run.resumed) await run.emit({ type: 'execution:output', chunk: message });
    const result = await run.waitFor({ kind: 'approval', message, schema, assignees, expiresInMs });
    const expired = result.outcome === 'expired';
    if (expired && onExpire === 'fail')
      throw new NodeError(
        'approval_expired',
        `No person answered the approval within ${expiresInMs} ms (expiresInMs).`,
      );
    const output = expired
      ? { approved: onExpire === 'approve', by: null, comment: null, values: null }
      : { approved: result.approved, by: result.by, comment: result.comment, values: result.values };
    if (!output.approved && onReject === 'fail') throw new NodeError('approval_rejected', rejection(output));
    return output;
  }
}

function rejection({ by, comment }: { by: string | null; comment: string | null }): string {
  if (by === null) return 'The time to answer the approval ended, which counts as a rejection (onExpire).';
  return `${by} did not approve${comment ? `: ${comment}` : ''}`;
}
