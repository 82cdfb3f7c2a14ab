import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { JournalModule } from '../journal/journal.module.js';
import { ChannelPool } from './channel/channel-pool.js';
import { StreamFormats } from './formats/stream-formats.js';
import { StreamHub } from './stream-hub.js';
import { StreamStats } from './stream-stats.js';

@Module({
  imports: [EventsModule, JournalModule],
  providers: [ChannelPool, StreamFormats, StreamHub, StreamStats],
  exports: [StreamFormats, StreamHub, StreamStats],
})
export class StreamingModule {}
