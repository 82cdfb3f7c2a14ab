import { DiscoveryService } from '@nestjs/core';
import { EVENT_TYPES, type EventType, type ExecutionEventOf } from '@cloutagent/contract';
import type { Delivery } from './delivery.js';

/** What `@OnExecutionEvent` stores about a method. */
export interface ExecutionListenerMetadata {
  /** Without duplicates; all types for `'*'`. */
  readonly types: readonly EventType[];
  /** The name of the durable listener; undefined if the listener is not durable. */
  readonly durable?: string;
}

/** The metadata by which the loaders find listeners. */
export const ExecutionListener = DiscoveryService.createDecorator<ExecutionListenerMetadata>();

/** The types that a selection means: a type itself, or all types for `'*'`. */
type Selected<T extends EventType | '*'> = T extends EventType ? T : EventType;

/** A decorator for methods that accept these arguments. TypeScript refuses it on any other method. */
type ListenerDecorator<Arguments extends unknown[]> = <Method extends (...args: Arguments) => unknown>(
  prototype: object,
  methodName: string | symbol,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

/**
 * Calls a method of a provider or a controller, in any module, with every recorded event of a type, of one of several
 * types, or of all types (`'*'`). The method gets events of executions that run in this process, after their commit, in
 * order for each execution. It gets them once, and not again after a crash; `durable` changes that. The event is frozen,
 * because all listeners get the same object.
 *
 * The engine does not wait for the method. An error that it throws, or a promise of it that rejects, is logged with the
 * names of the class, the method and the module, and has no other effect.
 *
 * With `durable`, the method gets each event of all processes at least once, also after a crash, and those of an execution
 * one at a time and in order. Its second argument is a `Delivery`. If it throws or rejects, the event is delivered again
 * (docs/durable-listeners.md).
 *
 * The server does not start if a type is unknown or missing, or if the class has request scope.
 * @param types a type, a list of types, or `'*'`
 * @param options `durable`: the listener's name, which identifies it after a restart: letters, digits and . _ : -
 * @throws Error if the method already has this decorator: give one of them a list of types
 * @example
 * ```ts
 * @Injectable()
 * export class Alarms {
 *   @OnExecutionEvent('execution:failed')
 *   async report(event: ExecutionEventOf<'execution:failed'>): Promise<void> {
 *     await notifyOnCall(`${event.executionId} failed: ${event.code}`);
 *   }
 *
 *   @OnExecutionEvent('execution:completed', { durable: 'invoices' })
 *   async invoice(event: ExecutionEventOf<'execution:completed'>, { signal }: Delivery): Promise<void> {
 *     await putInvoice(`${event.executionId}:${event.sequence}`, event.result.costUSD, { signal });
 *   }
 * }
 * ```
 */
export function OnExecutionEvent<const T extends EventType | '*'>(
  types: T | readonly T[],
  options: { durable: string },
): ListenerDecorator<[event: ExecutionEventOf<Selected<T>>, delivery: Delivery]>;
export function OnExecutionEvent<const T extends EventType | '*'>(
  types: T | readonly T[],
): ListenerDecorator<[event: ExecutionEventOf<Selected<T>>]>;
export function OnExecutionEvent(
  types: EventType | '*' | readonly (EventType | '*')[],
  options: { durable?: string } = {},
): ListenerDecorator<never[]> {
  const given = typeof types === 'string' ? [types] : types;
  const selected = given.flatMap((type) => (type === '*' ? EVENT_TYPES : [type]));
  const metadata: ExecutionListenerMetadata = { types: [...new Set(selected)], ...options };
  return (prototype, methodName, descriptor) => {
    if (Reflect.hasMetadata(ExecutionListener.KEY, descriptor.value!))
      throw new Error(
        `${prototype.constructor.name}.${String(methodName)} has @OnExecutionEvent twice: write it once, with a list of types.`,
      );
    ExecutionListener(metadata)(prototype, methodName, descriptor as TypedPropertyDescriptor<unknown>);
  };
}
