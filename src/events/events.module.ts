import { Module } from '@nestjs/common';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { EventBus } from './event-bus.js';

/** Provides the EventBus. Methods with `@OnExecutionEvent` are found in every module, also without importing this one. */
@Module({
  // Each watched execution has one listener, however many streams it has. Their number has no limit.
  imports: [EventEmitterModule.forRoot({ maxListeners: 0 })],
  providers: [EventBus],
  exports: [EventBus],
})
export class EventsModule {}
