import { Module } from '@nestjs/common';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { EventBus } from './event-bus.js';
import { ExecutionListeners } from './execution-listeners.js';

/** Provides the EventBus, and calls listeners: methods with `@OnExecutionEvent` are found in every module, also without importing this one. */
@Module({
  // Each watched execution has one listener, however many streams it has. Their number has no limit.
  imports: [EventEmitterModule.forRoot({ maxListeners: 0 }), MonitoringModule],
  providers: [EventBus, ExecutionListeners],
  exports: [EventBus],
})
export class EventsModule {}
