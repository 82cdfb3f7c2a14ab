import { Module } from '@nestjs/common';
import { JournalModule } from '../journal/journal.module.js';
import { StreamHub } from './stream-hub.js';

@Module({ imports: [JournalModule], providers: [StreamHub], exports: [StreamHub] })
export class StreamingModule {}
