import { Module } from '@nestjs/common';
import { ClusterModule } from '../cluster/cluster.module.js';
import { EventsModule } from '../events/events.module.js';
import { EventNotifier } from './event-notifier.js';
import { Journal } from './journal.js';
import { JournalReader } from './journal-reader.js';
import { NotificationSource } from './notification-source.js';
import { RetentionSweeper } from './retention-sweeper.js';
import { StatusChanges } from './status-changes.js';
import { UnownedAppend } from './unowned-append.js';

@Module({
  imports: [ClusterModule, EventsModule],
  providers: [
    EventNotifier,
    Journal,
    JournalReader,
    NotificationSource,
    RetentionSweeper,
    StatusChanges,
    UnownedAppend,
  ],
  exports: [EventNotifier, Journal, JournalReader, NotificationSource, StatusChanges],
})
export class JournalModule {}
