import type { WorkflowNode } from '@cloutagent/contract';
import type { ConfigContext } from '../extension/config-template.js';
import { NodeError, type NodeType } from '../extension/node-handler.js';
import type { RegisteredType } from '../extension/node-registry.js';
import type { InterceptedStep } from '../extension/step-hooks.js';
import { callbackNodes, fill, type FillScope, valueReferences } from '../extension/template.js';
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
 * @throws NodeError `missing_value`, `config_too_large`, `invalid_config`, `secret_not_allowed`
 */
export function filledConfig(
  { row, graph, registry, outputs, errors, settings }: NodeScope,
  { type, data }: WorkflowNode,
  more: Pick<FillScope, 'vars' | 'secrets' | 'callbackUrl'>,
): unknown {
  const scope: FillScope = {
    input: row.input,
    outputs,
    errors,
    execution: { id: row.id, projectId: row.project_id },
    ...more,
  };
  return fill(data.config, contextOf(graph, registry.find(type)), scope, settings.CONFIG_MAX_BYTES);
}

const contextOf = ({ nodes }: NodeScope['graph'], type: NodeType | undefined): ConfigContext => ({
  nodes,
  schema: type?.config,
  verbatim: type?.verbatim,
});

/** Finds the `wait` nodes whose callback addresses the config of a node uses. They must exist before it is filled in. */
export const usedCallbacks = (
  { graph, registry }: Pick<NodeScope, 'graph' | 'registry'>,
  { type, data }: WorkflowNode,
): string[] => callbackNodes(data.config, contextOf(graph, registry.find(type)));

/** Lists the variables that the config of a node uses. */
export const usedVariables = (
  { graph, registry }: Pick<NodeScope, 'graph' | 'registry'>,
  { type, data }: WorkflowNode,
): string[] => {
  const used = valueReferences(data.config, contextOf(graph, registry.find(type)));
  return [...new Set(used.flatMap(({ root, name }) => (root === 'vars' ? [name] : [])))];
};

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
    `The config is not valid after its placeholders were filled in: ${path === '' ? 'it' : `${path}:`} ${message}`,
  );
}
