import { Module } from '@nestjs/common';
import { StreamQuota } from './stream-quota.js';

/** Provides the StreamQuota, without the guard of ThrottlingModule. */
@Module({ providers: [StreamQuota], exports: [StreamQuota] })
export class StreamQuotaModule {}
