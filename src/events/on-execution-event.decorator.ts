import { DiscoveryService } from '@nestjs/core';
import { OnEvent } from '@nestjs/event-emitter';
import type { EventType } from '@cloutagent/contract';
import { typeTopic } from './event-bus.js';

/** What `@OnExecutionEvent` stores about a method. */
export interface ExecutionListenerMetadata {
  readonly types: readonly EventType[];
  /** The name of the durable listener; undefined if the listener is not durable. */
  readonly durable?: string;
}

/** The metadata by which the loaders find listeners. */
export const ExecutionListener = DiscoveryService.createDecorator<ExecutionListenerMetadata>();

/**
 * Calls the method with every recorded event (`ExecutionEvent`) of a type, for executions that run in this process.
 * An error that the method throws is logged and has no other effect.
 *
 * With `durable`, the method gets each event of all processes at least once, also after a crash, and those of an execution
 * one at a time and in order. Its second argument is a `Delivery`. If it throws or rejects, the event is delivered again
 * (docs/durable-listeners.md).
 * @param options `durable`: the listener's name, which identifies it after a restart: letters, digits and . _ : -
 * @example
 * ```ts
 * @Injectable()
 * export class Invoices {
 *   @OnExecutionEvent('execution:completed', { durable: 'invoices' })
 *   async write(event: ExecutionEvent, { signal }: Delivery): Promise<void> {
 *     await this.invoices.put(`${event.executionId}:${event.sequence}`, event, { signal });
 *   }
 * }
 * ```
 */
export const OnExecutionEvent = (
  type: EventType | readonly EventType[],
  options: { durable?: string } = {},
): MethodDecorator => {
  const types = typeof type === 'string' ? [type] : type;
  if (options.durable !== undefined) return ExecutionListener({ types, ...options });
  return OnEvent(types.map(typeTopic), { suppressErrors: true });
};
