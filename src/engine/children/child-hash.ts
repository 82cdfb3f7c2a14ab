import type { Json, Workflow } from '@cloutagent/contract';
import { canonicalJson } from '../../common/canonical-json.js';
import { sha256 } from '../../common/sha256.js';

/** Returns the SHA-256 of a workflow, in hex. The order of members does not count. */
export const workflowHashOf = (workflow: Workflow): string => sha256(canonicalJson(workflow)).toString('hex');

/**
 * Returns the SHA-256 of a child's workflow and input, in hex. A re-run keeps a child only for the same hash.
 * @param workflowHash `workflowHashOf` of its workflow
 */
export const childHashOf = (workflowHash: string, input: Json): string =>
  sha256(`${workflowHash}:${canonicalJson(input)}`).toString('hex');
