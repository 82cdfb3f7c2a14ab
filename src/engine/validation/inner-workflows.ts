import { Workflow } from '@cloutagent/contract';
import type { ConfigFields } from '../extension/config-field.js';
import type { ConfigPath } from '../extension/config-template.js';

/** A workflow in the config of a node, which the node runs as child executions. */
export interface InnerWorkflow {
  readonly workflow: Workflow;
  /** In the config. */
  readonly path: ConfigPath;
}

/**
 * Finds the workflows in a config: the values of fields that have the contract's schema of a workflow.
 * @param fields of the config's schema
 */
export function workflowsIn(value: unknown, fields: ConfigFields, path: ConfigPath = []): InnerWorkflow[] {
  if (typeof value !== 'object' || value === null) return [];
  if (fields.isOfOtherNodes) {
    const workflow = Workflow.safeParse(value);
    return workflow.success ? [{ workflow: workflow.data, path }] : [];
  }
  if (Array.isArray(value))
    return value.flatMap((item, index) => workflowsIn(item, fields.at(index), [...path, index]));
  return Object.entries(value).flatMap(([key, member]) =>
    workflowsIn(member, fields.at(key), [...path, key]),
  );
}
