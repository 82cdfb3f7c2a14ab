import { Module } from '@nestjs/common';
import { Announcer } from './announcer.js';
import { Journal } from './journal.js';
import { JournalReader } from './journal-reader.js';
import { JournalRelay } from './journal-relay.js';
import { Retention } from './retention.js';

@Module({
  providers: [Announcer, Journal, JournalReader, JournalRelay, Retention],
  exports: [Announcer, Journal, JournalReader, JournalRelay],
})
export class JournalModule {}
