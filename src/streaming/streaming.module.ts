import { Module } from '@nestjs/common';
import { JournalModule } from '../journal/journal.module.js';
import { ChannelPool } from './channel/channel-pool.js';
import { StreamHub } from './stream-hub.js';
import { StreamStats } from './stream-stats.js';

@Module({
  imports: [JournalModule],
  providers: [ChannelPool, StreamHub, StreamStats],
  exports: [StreamHub, StreamStats],
})
export class StreamingModule {}
