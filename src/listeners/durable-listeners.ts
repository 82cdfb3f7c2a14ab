import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EventType, ListenerName } from '@cloutagent/contract';
import { DeliveryWorkers } from '../deliveries/delivery-workers.js';
import type { DurableSubscriber } from '../deliveries/durable-subscriber.js';
import { type DiscoveredMethod, ExtensionDiscovery } from '../discovery/extension-discovery.js';
import type { Delivery } from '../events/delivery.js';
import { ExecutionListener, type ExecutionListenerMetadata } from '../events/on-execution-event.decorator.js';
import { subscriberIdOf } from './subscriber-id.js';

type Found = DiscoveredMethod<ExecutionListenerMetadata>;

/** Finds the methods with `@OnExecutionEvent(…, { durable })` in all modules, and has events delivered to them. */
@Injectable()
export class DurableListeners implements OnModuleInit {
  constructor(
    private readonly discovery: ExtensionDiscovery,
    private readonly workers: DeliveryWorkers,
  ) {}

  /** @throws Error if a listener has no valid name, no valid type, or the name of another one */
  async onModuleInit(): Promise<void> {
    const listeners = new Map<string, Found>();
    for (const found of this.discovery.methodsWith(ExecutionListener)) {
      const { durable } = found.value;
      if (durable === undefined) continue;
      check(found, durable);
      const other = listeners.get(durable);
      if (other)
        throw new Error(
          `${nameOf(other)} and ${nameOf(found)} are both the durable listener "${durable}": give one of them another name.`,
        );
      listeners.set(durable, found);
    }
    for (const [name, found] of listeners) await this.workers.add(subscriberOf(name, found));
  }
}

const nameOf = ({ className, methodName, moduleName }: Found): string =>
  `${className}.${methodName} of ${moduleName}`;

function check(found: Found, durable: string): void {
  if (!ListenerName.safeParse(durable).success)
    throw new Error(
      `the durable name "${durable}" of ${nameOf(found)} is not valid: use at most 100 letters, digits and . _ : -, and ` +
        'begin with a letter or digit.',
    );
  const wrong = found.value.types.find((type) => !EventType.safeParse(type).success);
  if (wrong !== undefined || found.value.types.length === 0)
    throw new Error(
      `${nameOf(found)} listens to ${wrong === undefined ? 'no event type' : `"${wrong}", which is no event type`}: name one ` +
        'or more of those in docs/protocol.md, for example execution:completed.',
    );
}

function subscriberOf(name: string, { instance, methodName, value }: Found): DurableSubscriber {
  const methods = instance as Record<string, (event: object, delivery: Delivery) => unknown>;
  return {
    id: subscriberIdOf(name),
    types: [...new Set(value.types)],
    deliver: async (event, { attempt, signal }) => {
      await methods[methodName]!(event, { listener: name, attempt, signal });
    },
  };
}
