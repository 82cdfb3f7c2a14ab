import { type DynamicModule, Global, Module } from '@nestjs/common';
import { DiscoveryModule, type DiscoveryService } from '@nestjs/core';
import { ExtensionDiscovery, HostDiscovery } from './extension-discovery.js';

/**
 * Provides the ExtensionDiscovery. It is global because the host's DiscoveryService is a value that only the application's
 * root module has: other modules cannot import `forRoot`.
 */
@Global()
@Module({})
export class ExtensionDiscoveryModule {
  /** @param host the DiscoveryService of the application that this server runs inside */
  static forRoot(host?: DiscoveryService): DynamicModule {
    return {
      module: ExtensionDiscoveryModule,
      imports: [DiscoveryModule],
      providers: [ExtensionDiscovery, { provide: HostDiscovery, useValue: host }],
      exports: [ExtensionDiscovery, HostDiscovery],
    };
  }
}
