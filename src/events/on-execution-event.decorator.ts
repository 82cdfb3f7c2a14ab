import { OnEvent } from '@nestjs/event-emitter';
import type { EventType } from '@cloutagent/contract';
import { typeTopic } from './event-bus.js';

/**
 * Calls the method with every recorded event (`ExecutionEvent`) of a type, for executions that run in this process.
 * An error that the method throws is logged and has no other effect.
 */
export const OnExecutionEvent = (type: EventType): MethodDecorator =>
  OnEvent(typeTopic(type), { suppressErrors: true });
