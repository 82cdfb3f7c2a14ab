import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EVENT_TYPES, type ExecutionEvent } from '@cloutagent/contract';
import { nearestName } from '../common/spelling.js';
import { type DiscoveredMethod, ExtensionDiscovery } from '../discovery/extension-discovery.js';
import { Logger } from '../logging/logger.js';
import { inContext } from '../logging/work-context.js';
import { BlockedLoopMonitor } from '../monitoring/blocked-loop-monitor.js';
import { codeMembers, nameOf } from '../monitoring/extension-code.js';
import { EventBus } from './event-bus.js';
import { ExecutionListener, type ExecutionListenerMetadata } from './on-execution-event.decorator.js';

type Listener = (event: ExecutionEvent) => unknown;

/** Calls the methods with `@OnExecutionEvent` that are not durable. */
@Injectable()
export class ExecutionListeners implements OnModuleInit {
  private readonly logger = new Logger(ExecutionListeners.name);

  constructor(
    private readonly discovery: ExtensionDiscovery,
    private readonly bus: EventBus,
    private readonly monitor: BlockedLoopMonitor,
  ) {}

  /** @throws Error if a listener has no type or an unknown one: the server does not start */
  onModuleInit(): void {
    for (const method of this.discovery.methodsWith(ExecutionListener)) {
      checkTypes(method);
      if (method.value.durable === undefined) this.subscribe(method);
    }
  }

  private subscribe(method: DiscoveredMethod<ExecutionListenerMetadata>): void {
    const instance = method.instance as Record<string, Listener>;
    const onError = (error: unknown) =>
      this.logger.error(`${nameOf(method)} did not handle an error`, error, codeMembers(method));
    const context = { members: codeMembers(method), onStray: onError };
    const notify = (event: ExecutionEvent): void => {
      try {
        const result = inContext(context, () =>
          this.monitor.call(method, () => instance[method.methodName]!(event)),
        );
        if (result instanceof Promise) result.catch(onError);
      } catch (error) {
        onError(error);
      }
    };
    for (const type of method.value.types) this.bus.ofType(type).subscribe(notify);
  }
}

function checkTypes(method: DiscoveredMethod<ExecutionListenerMetadata>): void {
  const known: readonly string[] = EVENT_TYPES;
  const types: readonly string[] = method.value.types;
  if (types.length === 0)
    throw new Error(`@OnExecutionEvent of ${nameOf(method)} has no event type: name at least one.`);
  const unknown = types.find((type) => !known.includes(type));
  if (unknown === undefined) return;
  const meant = nearestName(unknown, known);
  throw new Error(
    `@OnExecutionEvent of ${nameOf(method)} names the event type "${unknown}", which does not exist: ` +
      (meant === undefined ? `use one of ${known.join(', ')}.` : `write ${meant}.`),
  );
}
