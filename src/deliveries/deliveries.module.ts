import { Module } from '@nestjs/common';
import { ClusterModule } from '../cluster/cluster.module.js';
import { EventsModule } from '../events/events.module.js';
import { JournalModule } from '../journal/journal.module.js';
import { DeliveryQueue } from './delivery-queue.js';
import { DeliveryWorkers } from './delivery-workers.js';
import { SubscriberRegistry } from './subscriber-registry.js';

/** Delivers recorded events to durable subscribers, at least once and in order for each execution. */
@Module({
  imports: [ClusterModule, EventsModule, JournalModule],
  providers: [DeliveryQueue, DeliveryWorkers, SubscriberRegistry],
  exports: [DeliveryWorkers, SubscriberRegistry],
})
export class DeliveriesModule {}
