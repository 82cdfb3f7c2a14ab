import { Module } from '@nestjs/common';
import { DeliveriesModule } from '../deliveries/deliveries.module.js';
import { JournalModule } from '../journal/journal.module.js';
import { AllProjectsGuard } from './all-projects.guard.js';
import { DurableListeners } from './durable-listeners.js';
import { ListenerOperations } from './listener-operations.js';
import { ListenersController } from './listeners.controller.js';

/** Delivers events to the methods with `@OnExecutionEvent(…, { durable })`, and serves `/api/listeners`. */
@Module({
  imports: [DeliveriesModule, JournalModule],
  controllers: [ListenersController],
  providers: [AllProjectsGuard, DurableListeners, ListenerOperations],
})
export class ListenersModule {}
