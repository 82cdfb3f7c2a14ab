import { Module } from '@nestjs/common';
import { DeliveriesModule } from '../deliveries/deliveries.module.js';
import { EngineModule } from '../engine/engine.module.js';
import { EventsModule } from '../events/events.module.js';
import { JournalModule } from '../journal/journal.module.js';
import { StatsModule } from '../stats/stats.module.js';
import { StreamingModule } from '../streaming/streaming.module.js';
import { WebhooksModule } from '../webhooks/webhooks.module.js';
import { HealthController } from './health.controller.js';
import { HttpMetrics } from './http-metrics.js';
import { Metrics } from './metrics.js';
import { MetricsController } from './metrics.controller.js';

/** Serves health checks and metrics. */
@Module({
  imports: [
    DeliveriesModule,
    EngineModule,
    EventsModule,
    JournalModule,
    StatsModule,
    StreamingModule,
    WebhooksModule,
  ],
  controllers: [HealthController, MetricsController],
  providers: [HttpMetrics, Metrics],
})
export class OperationsModule {}
