import { Test, type TestingModule } from '@nestjs/testing';
import { ConfigModule } from '../../src/config/config.module.js';
import { parseSettings } from '../../src/config/settings.js';
import { NodesModule } from '../../src/engine/nodes/nodes.module.js';

/** The node types that come with the server, under these settings. Close it when done. */
export async function nodeTypes(settings: Record<string, string>): Promise<TestingModule> {
  const module = await Test.createTestingModule({
    imports: [ConfigModule.forRoot(parseSettings(settings)), NodesModule],
  }).compile();
  return module.init();
}
