import { ExtensionDiscovery } from '../../src/discovery/extension-discovery.js';
import { findAsyncPart } from '../../src/engine/extension/async-config.js';
import type { NodeType } from '../../src/engine/extension/node-handler.js';
import { NodeTypeName } from '../../src/engine/extension/node-handler.decorator.js';
import { nodeTypes } from '../support/node-types.js';

// The server checks this only for types of modules, because the check would take long at each start.
it('no built-in node type has an asynchronous config', async () => {
  const module = await nodeTypes({});
  const found = module.get(ExtensionDiscovery, { strict: false }).classesWith(NodeTypeName);
  expect(found.length).toBeGreaterThan(8);
  for (const { value, instance } of found)
    expect([value, findAsyncPart((instance as NodeType).config)]).toEqual([value, undefined]);
  await module.close();
});
