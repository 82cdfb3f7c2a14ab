import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { JournalModule } from '../journal/journal.module.js';
import { Dispatcher } from './dispatcher.js';
import { EngineStats } from './engine-stats.js';
import { ExecutionEngine } from './execution-engine.js';
import { GraphEngine } from './graph-engine.js';
import { ModelsModule } from './models/models.module.js';
import { NodeRegistry } from './node-registry.js';
import { NodesModule } from './nodes/nodes.module.js';

@Module({
  imports: [DiscoveryModule, JournalModule, ModelsModule, NodesModule],
  providers: [NodeRegistry, EngineStats, Dispatcher, { provide: ExecutionEngine, useClass: GraphEngine }],
  exports: [EngineStats, ExecutionEngine, NodeRegistry, Dispatcher],
})
export class EngineModule {}
