import { Module } from '@nestjs/common';
import { ClusterModule } from '../cluster/cluster.module.js';
import { Announcer } from './announcer.js';
import { Journal } from './journal.js';
import { JournalReader } from './journal-reader.js';
import { JournalRelay } from './journal-relay.js';
import { Retention } from './retention.js';
import { StatusChanges } from './status-changes.js';

@Module({
  imports: [ClusterModule],
  providers: [Announcer, Journal, JournalReader, JournalRelay, Retention, StatusChanges],
  exports: [Announcer, Journal, JournalReader, JournalRelay, StatusChanges],
})
export class JournalModule {}
