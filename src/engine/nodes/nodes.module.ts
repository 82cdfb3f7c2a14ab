import { ApprovalNode } from './approval.node.js';
import { ChildWorkflows } from './child-workflows.js';
import { Conditions } from './conditions.js';
import { DelayNode } from './delay.node.js';
import { ExtensionModule } from '../extension/extension.module.js';
import { HttpModule } from '../http/http.module.js';
import { HttpNode } from './http.node.js';
import { JsonSchemas } from './json-schemas.js';
import { LoopNode } from './loop.node.js';
import { MapNode } from './map.node.js';
import { Module } from '@nestjs/common';
import { TransformNode } from './transform.node.js';
import { TransformWorkers } from './transform-workers.js';
import { WaitNode } from './wait.node.js';
import { WorkflowNode } from './workflow.node.js';

/** The built-in node types. */
@Module({
  imports: [ExtensionModule, HttpModule],
  providers: [
    ApprovalNode,
    ChildWorkflows,
    Conditions,
    DelayNode,
    HttpNode,
    JsonSchemas,
    LoopNode,
    MapNode,
    TransformWorkers,
    TransformNode,
    WaitNode,
    WorkflowNode,
  ],
  exports: [Conditions, JsonSchemas, TransformWorkers],
})
export class NodesModule {}
