import { Module } from '@nestjs/common';
import { ClusterModule } from '../cluster/cluster.module.js';
import { HttpModule } from '../engine/http/http.module.js';
import { EventsModule } from '../events/events.module.js';
import { JournalModule } from '../journal/journal.module.js';
import { AttemptLog } from './attempt-log.js';
import { AttemptRecorder } from './attempt-recorder.js';
import { SigningSecrets } from './signing-secrets.js';
import { SlowReceivers } from './slow-receivers.js';
import { WebhookDeliveries } from './webhook-deliveries.js';
import { WebhookQueue } from './webhook-queue.js';
import { WebhookRegistry } from './webhook-registry.js';
import { WebhookReplay } from './webhook-replay.js';
import { WebhookSender } from './webhook-sender.js';
import { WebhookStats } from './webhook-stats.js';
import { WebhooksController } from './webhooks.controller.js';

/** Posts recorded events to the webhooks of projects, at least once and in order for each execution. */
@Module({
  imports: [ClusterModule, EventsModule, HttpModule, JournalModule],
  controllers: [WebhooksController],
  providers: [
    AttemptLog,
    AttemptRecorder,
    SigningSecrets,
    SlowReceivers,
    WebhookDeliveries,
    WebhookQueue,
    WebhookRegistry,
    WebhookReplay,
    WebhookSender,
    WebhookStats,
  ],
  exports: [WebhookStats],
})
export class WebhooksModule {}
