import { Global, Module } from '@nestjs/common';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { EventBus } from './event-bus.js';

@Global()
@Module({
  // One listener a watched execution, not one a stream; no limit on how many executions are watched.
  imports: [EventEmitterModule.forRoot({ maxListeners: 0 })],
  providers: [EventBus],
  exports: [EventBus],
})
export class EventsModule {}
