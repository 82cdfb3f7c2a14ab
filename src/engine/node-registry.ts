import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { type GraphProblem, type Workflow, WorkflowGraph } from '@cloutagent/contract';
import type { NodeType } from './node-handler.js';
import { NodeTypeName } from './node-handler.decorator.js';
import { references } from './template.js';

/** Finds every provider with `@NodeHandler`, in whichever module it is. */
@Injectable()
export class NodeRegistry implements OnModuleInit {
  private readonly types = new Map<string, NodeType>();

  constructor(private readonly discovery: DiscoveryService) {}

  onModuleInit(): void {
    for (const wrapper of this.discovery.getProviders()) {
      const type = wrapper.metatype
        ? this.discovery.getMetadataByDecorator(NodeTypeName, wrapper)
        : undefined;
      if (type === undefined) continue;
      if (this.types.has(type) && this.types.get(type) !== wrapper.instance) {
        throw new Error(`two providers have @NodeHandler('${type}'): rename one`);
      }
      this.types.set(type, wrapper.instance as NodeType);
    }
  }

  find(type: string): NodeType | undefined {
    return this.types.get(type);
  }

  /** Everything wrong with the nodes' configs, with paths inside the workflow. */
  check(workflow: Workflow): GraphProblem[] {
    const graph = new WorkflowGraph(workflow);
    return workflow.nodes.flatMap((node, index) => {
      const handler = this.types.get(node.type);
      if (!handler) {
        const known = [...this.types.keys()].sort().join(', ');
        return [
          {
            path: ['nodes', index, 'type'],
            message: `there is no node type "${node.type}"; there are ${known}`,
          },
        ];
      }
      const at = (path: PropertyKey[]) => [
        'nodes',
        index,
        'data',
        'config',
        ...path.map((key) => (typeof key === 'number' ? key : String(key))),
      ];
      const before = nodesBefore(graph, node.id);
      const unknown = references(node.data.config)
        .filter(({ nodeId }) => !before.has(nodeId))
        .map(({ nodeId, path }) => ({
          path: at(path),
          message: `node "${nodeId}" does not come before this one: add an edge from it, or correct the name`,
        }));
      const parsed = handler.config.safeParse(node.data.config);
      if (!parsed.success)
        return [
          ...unknown,
          ...parsed.error.issues.map((issue) => ({ path: at(issue.path), message: issue.message })),
        ];
      return [
        ...unknown,
        ...(handler.check?.(parsed.data) ?? []).map((problem) => ({ ...problem, path: at(problem.path) })),
      ];
    });
  }
}

/** The nodes that must be done before this one starts. */
function nodesBefore(graph: WorkflowGraph, id: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [...graph.parentsOf(id)];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    if (seen.has(parent)) continue;
    seen.add(parent);
    open.push(...graph.parentsOf(parent));
  }
  return seen;
}
