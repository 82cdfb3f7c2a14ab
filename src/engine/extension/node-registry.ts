import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type GraphProblem, type Workflow, WorkflowGraph, type WorkflowNode } from '@cloutagent/contract';
import { ExtensionDiscovery } from '../../discovery/extension-discovery.js';
import { check as checkSchema } from '../../problems/schema-problems.js';
import { findAsyncPart } from './async-config.js';
import type { ConfigCheck, ConfigProblem, NodeType } from './node-handler.js';
import { NodeTypeName } from './node-handler.decorator.js';
import { NodeOrder } from './node-order.js';
import { references } from './template.js';

/** A problem of a workflow. `code` is the problem code of the response; undefined means `validation_failed`. */
export type WorkflowProblem = GraphProblem & Pick<ConfigProblem, 'code'>;

/** Finds every provider with `@NodeHandler` in all modules of the application. */
@Injectable()
export class NodeRegistry implements OnModuleInit {
  private readonly types = new Map<string, NodeType>();

  constructor(private readonly discovery: ExtensionDiscovery) {}

  /** @throws Error if two providers handle one type, or if a config schema is asynchronous: the server does not start */
  onModuleInit(): void {
    for (const { value: type, instance } of this.discovery.classesWith(NodeTypeName)) {
      if (this.types.has(type))
        throw new Error(`Two providers have @NodeHandler('${type}'): rename one of them.`);
      const handler = instance as NodeType;
      const asyncPart = findAsyncPart(handler.config);
      if (asyncPart !== undefined)
        throw new Error(
          `the config of @NodeHandler('${type}') has ${asyncPart}, but configs are parsed synchronously: move slow checks into check().`,
        );
      this.types.set(type, handler);
    }
  }

  find(type: string): NodeType | undefined {
    return this.types.get(type);
  }

  /** Finds all problems of the nodes' configs, with paths inside the workflow. */
  async check(workflow: Workflow, projectId: string): Promise<WorkflowProblem[]> {
    const order = new NodeOrder(new WorkflowGraph(workflow));
    const check: ConfigCheck = { projectId };
    // All checks start in the same event-loop turn, so that a node type can check its nodes together.
    const found = await Promise.all(
      workflow.nodes.map((node, index) => this.checkNode(node, index, order, check)),
    );
    return found.flat();
  }

  private async checkNode(
    { id, type, data: { config } }: WorkflowNode,
    index: number,
    order: NodeOrder,
    check: ConfigCheck,
  ): Promise<WorkflowProblem[]> {
    const handler = this.types.get(type);
    if (!handler) {
      const known = [...this.types.keys()].toSorted().join(', ');
      return [
        {
          path: ['nodes', index, 'type'],
          message: `there is no node type "${type}"; the node types are ${known}`,
        },
      ];
    }
    const pathInWorkflow = (path: PropertyKey[]) => [
      'nodes',
      index,
      'data',
      'config',
      ...path.map((key) => (typeof key === 'number' ? key : String(key))),
    ];
    const unknownNodes = references(config)
      .filter(({ nodeId }) => !order.isBefore(nodeId, id))
      .map(({ nodeId, path }) => ({
        path: pathInWorkflow(path),
        message: `node "${nodeId}" does not come before this node: add an edge from it, or correct the name`,
      }));
    const parsed = checkSchema(handler.config, config);
    const problems = parsed.success ? ((await handler.check?.(parsed.data, check)) ?? []) : parsed.problems;
    return [
      ...unknownNodes,
      ...problems.map((problem) => ({ ...problem, path: pathInWorkflow(problem.path) })),
    ];
  }
}
