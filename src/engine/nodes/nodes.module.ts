import { Module } from '@nestjs/common';
import { HttpModule } from '../http/http.module.js';
import { ModelsModule } from '../models/models.module.js';
import { ToolsModule } from '../tools/tools.module.js';
import { AgentNode } from './agent.node.js';
import { ApprovalNode } from './approval.node.js';
import { Conditions } from './conditions.js';
import { DelayNode } from './delay.node.js';
import { HttpNode } from './http.node.js';
import { LoopNode } from './loop.node.js';
import { MapNode } from './map.node.js';
import { TransformWorkers } from './transform-workers.js';
import { ModelCall } from './model-call.js';
import { SubagentNode } from './subagent.node.js';
import { TransformNode } from './transform.node.js';
import { WaitNode } from './wait.node.js';
import { WorkflowNode } from './workflow.node.js';

/** The built-in node types. */
@Module({
  imports: [ModelsModule, HttpModule, ToolsModule],
  providers: [
    ModelCall,
    TransformWorkers,
    Conditions,
    AgentNode,
    SubagentNode,
    HttpNode,
    TransformNode,
    DelayNode,
    ApprovalNode,
    WaitNode,
    WorkflowNode,
    MapNode,
    LoopNode,
  ],
  exports: [Conditions, TransformWorkers],
})
export class NodesModule {}
