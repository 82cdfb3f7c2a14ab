import { Inject, Injectable } from '@nestjs/common';
import { checkGraph, type GraphProblem, type Workflow } from '@cloutagent/contract';
import { Settings } from '../../config/settings.js';
import type { ConfigCheck } from '../extension/node-handler.js';
import { isTemplate } from '../extension/template.js';
import { NodeRegistry, type WorkflowProblem } from '../extension/node-registry.js';
import { SavedWorkflows } from '../extension/saved-workflows.js';
import { PriceTable } from '../models/prices.js';
import { Conditions } from '../nodes/conditions.js';
import { checkBranches } from './branch-checks.js';
import { checkWords } from './workflow-words.js';

export interface WorkflowCheckOptions {
  /** Whether every model must have a known price, because the cost of the execution is limited. */
  readonly needsPrices?: boolean;
  /** The name under which the workflow is being saved. Its nodes may refer to it before it exists. */
  readonly name?: string | undefined;
}

/** What the workflows of one request have in common: the posted one, and those inside the configs of its nodes. */
interface CheckedRequest {
  readonly projectId: string;
  readonly needsPrices: boolean;
  readonly name: string | undefined;
  nodes: number;
  edges: number;
}

/**
 * Finds the reasons why a workflow cannot run: misspelled words, cyclic graphs, edges that cannot be decided, configs that no
 * handler accepts, expressions that do not parse, limits that cannot be enforced.
 */
@Injectable()
export class WorkflowChecks {
  constructor(
    private readonly registry: NodeRegistry,
    private readonly conditions: Conditions,
    private readonly prices: PriceTable,
    private readonly saved: SavedWorkflows,
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'MAX_WORKFLOW_NODES' | 'MAX_WORKFLOW_EDGES' | 'MAX_WORKFLOW_DEPTH' | 'MAX_CHILD_DEPTH'
    >,
  ) {}

  /**
   * Checks a workflow and the workflows inside it. Their nodes and edges count together towards the limits.
   * @returns the problems, with paths inside the workflow
   * @throws ProblemError 503 `no_worker_free`
   */
  check(
    workflow: Workflow,
    projectId: string,
    { needsPrices = false, name }: WorkflowCheckOptions = {},
  ): Promise<WorkflowProblem[]> {
    return this.checkAt(0, workflow, { projectId, needsPrices, name, nodes: 0, edges: 0 });
  }

  /**
   * Starts all checks in the same event-loop turn, also those of the workflows inside, so that one process parses all
   * expressions of the request within one time limit.
   * @param depth number of workflows around this one
   */
  private async checkAt(
    depth: number,
    workflow: Workflow,
    request: CheckedRequest,
  ): Promise<WorkflowProblem[]> {
    const { MAX_CHILD_DEPTH } = this.settings;
    if (depth > MAX_CHILD_DEPTH) {
      const message = `workflows may be nested at most ${MAX_CHILD_DEPTH} deep (MAX_CHILD_DEPTH): move this one further out`;
      return [{ path: [], message }];
    }
    const problems = [...checkWords(workflow), ...checkGraph(workflow, this.settings)];
    if (depth > 0) problems.push(...this.checkSizes(workflow, request));
    else {
      request.nodes = workflow.nodes.length;
      request.edges = workflow.edges.length;
    }
    if (problems.length === 0) problems.push(...checkBranches(workflow));
    if (problems.length > 0) return problems;
    const check: ConfigCheck = {
      projectId: request.projectId,
      request,
      checkWorkflow: (inner) => this.checkAt(depth + 1, inner, request),
      checkRef: (ref) => this.checkRef(ref, request),
    };
    const [ofConfigs, ofConditions] = await Promise.all([
      this.registry.check(workflow, check),
      this.checkConditions(workflow, check),
    ]);
    const ofPrices = request.needsPrices ? this.unknownPrices(workflow) : [];
    return [...ofConfigs, ...ofConditions, ...ofPrices];
  }

  private async checkRef(ref: string, { projectId, name }: CheckedRequest): Promise<WorkflowProblem[]> {
    // A check without a database cannot know the saved workflows of a server.
    if (!this.saved.isAvailable || ref === name || (await this.saved.find(projectId, ref))) return [];
    const message = `the project has no saved workflow ${ref}: save it first, or correct the name, the version or the alias`;
    return [{ path: [], message }];
  }

  /** Counts a workflow inside another one, and compares the sums with the limits. */
  private checkSizes({ nodes, edges }: Workflow, request: CheckedRequest): GraphProblem[] {
    const { MAX_WORKFLOW_NODES, MAX_WORKFLOW_EDGES } = this.settings;
    request.nodes += nodes.length;
    request.edges += edges.length;
    const problem = (what: 'nodes' | 'edges', limit: number): GraphProblem[] =>
      request[what] <= limit
        ? []
        : [
            {
              path: [what],
              message: `a workflow and the workflows inside it may have at most ${limit} ${what} together`,
            },
          ];
    return [...problem('nodes', MAX_WORKFLOW_NODES), ...problem('edges', MAX_WORKFLOW_EDGES)];
  }

  private async checkConditions({ edges }: Workflow, check: ConfigCheck): Promise<WorkflowProblem[]> {
    const found = new Map<string, Promise<WorkflowProblem[]>>();
    for (const { when } of edges)
      if (when !== undefined && !found.has(when)) found.set(when, this.conditions.check(when, check));
    await Promise.all(found.values());
    const problems = edges.map(async ({ when }, index): Promise<WorkflowProblem[]> => {
      const ofCondition = (when !== undefined && (await found.get(when))) || [];
      return ofCondition.map((problem) => ({ ...problem, path: ['edges', index, 'when'] }));
    });
    return (await Promise.all(problems)).flat();
  }

  private unknownPrices({ nodes }: Workflow): WorkflowProblem[] {
    return nodes.flatMap((node, index) => {
      const { model } = node.data.config;
      const path = ['nodes', index, 'data', 'config', 'model'];
      const models = Array.isArray(model) ? model : [model];
      return models.flatMap((name, at): WorkflowProblem[] => {
        // The name in a placeholder is known when the node runs.
        if (typeof name !== 'string' || isTemplate(name) || this.prices.knows(name)) return [];
        const message = `the price of ${name} is not known, so maxCostUSD cannot be enforced: leave the limit out, or add the price to MODEL_PRICES`;
        return [{ path: Array.isArray(model) ? [...path, at] : path, message, code: 'price_unknown' }];
      });
    });
  }
}
