import { Module } from '@nestjs/common';
import { ClusterModule } from '../cluster/cluster.module.js';
import { EventsModule } from '../events/events.module.js';
import { DeletionNotices } from './deletion-notices.js';
import { EventNotifier } from './event-notifier.js';
import { ExecutionDeleter } from './execution-deleter.js';
import { Journal } from './journal.js';
import { JournalPacker } from './journal-packer.js';
import { JournalReader } from './journal-reader.js';
import { NotificationTransport } from './notifications/notification-transport.js';
import { notificationTransport } from './notifications/notification-transport.provider.js';
import { RetentionSweeper } from './retention-sweeper.js';
import { StatusChanges } from './status-changes.js';
import { UnownedAppend } from './unowned-append.js';

@Module({
  imports: [ClusterModule, EventsModule],
  providers: [
    DeletionNotices,
    EventNotifier,
    ExecutionDeleter,
    Journal,
    JournalPacker,
    JournalReader,
    notificationTransport,
    RetentionSweeper,
    StatusChanges,
    UnownedAppend,
  ],
  exports: [
    DeletionNotices,
    EventNotifier,
    ExecutionDeleter,
    Journal,
    JournalPacker,
    JournalReader,
    NotificationTransport,
    StatusChanges,
  ],
})
export class JournalModule {}
