import { Module } from '@nestjs/common';
import { SafeHttp } from '../http/safe-http.js';
import { ModelCall } from '../models/model-call.js';
import { ModelsModule } from '../models/models.module.js';
import { AgentNode } from './agent.node.js';
import { ApprovalNode } from './approval.node.js';
import { DelayNode } from './delay.node.js';
import { HttpNode } from './http.node.js';
import { SubagentNode } from './subagent.node.js';
import { TransformNode } from './transform.node.js';

@Module({
  imports: [ModelsModule],
  providers: [SafeHttp, ModelCall, AgentNode, SubagentNode, HttpNode, TransformNode, DelayNode, ApprovalNode],
})
export class NodesModule {}
