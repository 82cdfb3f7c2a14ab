import { Module } from '@nestjs/common';
import { HostPolicy, HostResolver, systemResolver } from './host-policy.js';
import { RestrictedHttpClient } from './restricted-http-client.js';

/** HTTP for nodes, and nothing that could reach where it shouldn't. */
@Module({
  providers: [{ provide: HostResolver, useValue: systemResolver }, HostPolicy, RestrictedHttpClient],
  exports: [RestrictedHttpClient],
})
export class HttpModule {}
