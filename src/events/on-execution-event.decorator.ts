import { OnEvent } from '@nestjs/event-emitter';
import type { EventType } from '@cloutagent/contract';
import { typeTopic } from './event-bus.js';

/**
 * Calls the method with every recorded event (`ExecutionEvent`) of a type, for executions that run in
 * this process. An error in the method is logged and changes nothing else.
 */
export const OnExecutionEvent = (type: EventType): MethodDecorator =>
  OnEvent(typeTopic(type), { suppressErrors: true });
