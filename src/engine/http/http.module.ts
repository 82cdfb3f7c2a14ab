import { Module } from '@nestjs/common';
import { HostPolicy, HostResolver, systemResolver } from './host-policy.js';
import { RestrictedFetch } from './restricted-fetch.js';
import { RestrictedHttpClient } from './restricted-http-client.js';

/** HTTP for nodes, restricted to the hosts that they may reach. */
@Module({
  providers: [
    { provide: HostResolver, useValue: systemResolver },
    HostPolicy,
    RestrictedHttpClient,
    RestrictedFetch,
  ],
  exports: [RestrictedHttpClient, RestrictedFetch],
})
export class HttpModule {}
