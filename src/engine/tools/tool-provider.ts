import { applyDecorators, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { Json } from '@cloutagent/contract';
import type { NodeRun } from '../extension/node-handler.js';

/** A tool, as the model gets to know it. */
export interface ToolDefinition {
  /** 1 to 64 letters, digits, `_` and `-`. Agents use the tool as `<prefix>/<name>`. */
  readonly name: string;
  /** Tells the model what the tool does and when to use it; up to 10,000 characters. */
  readonly description: string;
  /** JSON Schema of the arguments, with `"type": "object"`. It is only sent to the model: check the arguments in `call`. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

/** The step in which a model calls a tool. */
export type ToolRun = Pick<
  NodeRun<unknown>,
  'executionId' | 'projectId' | 'tags' | 'createdBy' | 'nodeId' | 'stepId'
> & {
  /** Aborts when the result is of no use any more: at the time limit of the tool, or when the step is stopped. */
  readonly signal: AbortSignal;
};

/** One call of a tool. */
export interface ToolRequest {
  /** The name in its definition, without the prefix. */
  readonly tool: string;
  /** As the model wrote them: not checked. */
  readonly args: Json;
  /**
   * The same if this call is repeated, and different for every other call. Pass it on to the system that has the effect, or
   * store it there, so that a repeated call has no second effect. Up to 128 ASCII characters.
   */
  readonly idempotencyKey: string;
  readonly run: ToolRun;
}

/** Provides the tools `<prefix>/…` for agents. */
export interface ToolProvider {
  /** Lists the tools. Called once, while the server starts; it does not start if a definition is not valid. */
  tools(): readonly ToolDefinition[] | Promise<readonly ToolDefinition[]>;
  /**
   * Carries out one call. A call with a result is never repeated. If the process stops, or a time limit ends the step, while
   * a call is under way, the model learns that its effect is not known; with `retryUnsafe` on the tool the call is repeated,
   * with the same `idempotencyKey`.
   * @returns the result for the model, with the limits of an output
   * @throws any error; the model gets its message as the result, and continues
   */
  call(request: ToolRequest): Json | Promise<Json>;
}

/** The metadata by which `ToolRegistry` finds providers. */
export const ToolPrefix = DiscoveryService.createDecorator<string>();

/**
 * Makes a provider, in any module, the source of tools that agents use by name: on a class that implements `ToolProvider`.
 * The node `{ type: 'agent', data: { config: { tools: ['crm/find-customer'], … } } }` may then call the tool below.
 *
 * A call may take TOOL_TIMEOUT_MS. The server does not start if the prefix is not valid or used twice, if the class lacks
 * `tools` or `call`, or if a definition is not valid.
 * @param prefix 1 to 64 letters, digits, `_` and `-`
 * @example
 * ```ts
 * @ProvidesTools('crm')
 * export class CrmTools implements ToolProvider {
 *   constructor(private readonly customers: Customers) {}
 *
 *   tools(): ToolDefinition[] {
 *     const inputSchema = { type: 'object', properties: { email: { type: 'string' } }, required: ['email'] };
 *     return [{ name: 'find-customer', description: 'Finds a customer by email address.', inputSchema }];
 *   }
 *
 *   async call({ args, run }: ToolRequest): Promise<Json> {
 *     const { email } = z.object({ email: z.email() }).parse(args);
 *     return this.customers.find(run.projectId, email);
 *   }
 * }
 * ```
 */
export const ProvidesTools = (prefix: string): ClassDecorator =>
  applyDecorators(Injectable(), ToolPrefix(prefix));
