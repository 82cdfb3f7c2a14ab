import type { WorkflowNode } from '@cloutagent/contract';
import { NodeError } from '../extension/node-handler.js';
import type { RegisteredType } from '../extension/node-registry.js';
import type { InterceptedStep } from '../extension/step-hooks.js';
import { fill } from '../extension/template.js';
import type { NodeScope } from './node-scope.js';

/** @throws NodeError `unknown_node_type` */
export function registeredType({ registry }: NodeScope, { type }: WorkflowNode): RegisteredType {
  const registered = registry.registered(type);
  if (registered) return registered;
  throw new NodeError(
    'unknown_node_type',
    `This server has no node type "${type}". Install the module that provides it, or change the node's type.`,
  );
}

/**
 * Returns the config of a node with its placeholders filled in.
 * @throws NodeError `config_too_large`
 */
export const filledConfig = ({ row, outputs, settings }: NodeScope, { data }: WorkflowNode): unknown =>
  fill(data.config, row.input, outputs, settings.CONFIG_MAX_BYTES);

/**
 * Parses a filled-in config by the schema of its node type, and notifies the interceptors if it does not fit.
 * @param step as interceptors see it, if there are any
 * @throws NodeError `invalid_config`
 */
export function parseConfig(
  { row, registry, interceptors }: NodeScope,
  type: RegisteredType,
  config: unknown,
  step?: InterceptedStep,
): unknown {
  const parsed = registry.parse(type, config);
  if (parsed.success) return parsed.data;
  const errors = parsed.problems.map(({ path: at, message }) => ({ path: at.join('.'), message }));
  interceptors?.notifyOfValidationFailure({ projectId: row.project_id, ...(step && { step }), errors });
  const { path, message } = errors[0]!;
  throw new NodeError(
    'invalid_config',
    `The config is not valid after its placeholders were filled in: ${path}: ${message}`,
  );
}
