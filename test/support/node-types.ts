import { Test, type TestingModule } from '@nestjs/testing';
import { ConfigModule } from '../../src/config/config.module.js';
import { ExtensionDiscoveryModule } from '../../src/discovery/discovery.module.js';
import { parseSettings } from '../../src/config/settings.js';
import { AgentsModule } from '../../src/engine/agents/agents.module.js';
import { RedactorsModule } from '../../src/secrets/redactors.module.js';

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
