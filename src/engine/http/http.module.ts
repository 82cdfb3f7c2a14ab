import { Module } from '@nestjs/common';
import { HostPolicy, HostResolver, systemResolver } from './host-policy.js';
import { SafeHttp } from './safe-http.js';

/** HTTP for nodes, and nothing that could reach where it shouldn't. */
@Module({
  providers: [{ provide: HostResolver, useValue: systemResolver }, HostPolicy, SafeHttp],
  exports: [SafeHttp],
})
export class HttpModule {}
