import { Global, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { ConfigModule } from '../../src/config/config.module.js';
import { ExtensionDiscoveryModule } from '../../src/discovery/discovery.module.js';
import { parseSettings } from '../../src/config/settings.js';
import { SecretRedactor } from '../../src/config/secret-redactor.js';
import type { Database } from '../../src/database/database.js';
import { ProcessIdentity } from '../../src/database/process-identity.js';
import { AgentsModule } from '../../src/engine/agents/agents.module.js';
import { ExecutionRedactors } from '../../src/secrets/execution-redactors.js';

/** The redactors of executions that use no secret: they need no database. */
@Global()
@Module({
  providers: [
    {
      provide: ExecutionRedactors,
      inject: [SecretRedactor],
      useFactory: (server: SecretRedactor) =>
        new ExecutionRedactors(server, {} as Database, new ProcessIdentity()),
    },
  ],
  exports: [ExecutionRedactors],
})
class RedactorsModule {}

/** Creates a module with the server's own node types under these settings. The caller closes it. */
export async function nodeTypes(settings: Record<string, string>): Promise<TestingModule> {
  const module = await Test.createTestingModule({
    imports: [
      ConfigModule.forRoot(parseSettings(settings)),
      ExtensionDiscoveryModule.forRoot(),
      RedactorsModule,
      AgentsModule,
    ],
  }).compile();
  return module.init();
}
