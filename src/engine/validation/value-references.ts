import { Injectable } from '@nestjs/common';
import { type Workflow, WorkflowGraph } from '@cloutagent/contract';
import { ConfigFields } from '../extension/config-field.js';
import { NodeRegistry } from '../extension/node-registry.js';
import { type ValueReference, valueReferences } from '../extension/template.js';
import { workflowsIn } from './inner-workflows.js';

/** Finds the variables and secrets that workflows refer to. */
@Injectable()
export class ValueReferences {
  /** A saved version is the same object for all its starts, so its texts are searched once. */
  private readonly known = new WeakMap<Workflow, readonly ValueReference[]>();

  constructor(private readonly registry: NodeRegistry) {}

  /** Lists all references of a workflow and of the workflows inside it, with paths inside the workflow. */
  of(workflow: Workflow): readonly ValueReference[] {
    let references = this.known.get(workflow);
    if (!references) this.known.set(workflow, (references = this.find(workflow)));
    return references;
  }

  private find(workflow: Workflow): ValueReference[] {
    const { nodes } = new WorkflowGraph(workflow);
    return workflow.nodes.flatMap(({ type, data: { config } }, index) => {
      const handler = this.registry.find(type);
      const context = { nodes, schema: handler?.config, verbatim: handler?.verbatim };
      const start = ['nodes', index, 'data', 'config'];
      const inner = workflowsIn(config, ConfigFields.of(handler?.config));
      return [
        ...valueReferences(config, context).map((each) => ({ ...each, path: [...start, ...each.path] })),
        ...inner.flatMap((found) =>
          this.find(found.workflow).map((each) => ({
            ...each,
            path: [...start, ...found.path, ...each.path],
          })),
        ),
      ];
    });
  }
}
