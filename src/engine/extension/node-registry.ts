import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import {
  type GraphProblem,
  NAME,
  NAME_MAX_LENGTH,
  type Workflow,
  WorkflowGraph,
  type WorkflowNode,
} from '@cloutagent/contract';
import { nearestName } from '../../common/spelling.js';
import { withTimeLimit } from '../../common/time-limit.js';
import { Settings } from '../../config/settings.js';
import { type DiscoveredClass, ExtensionDiscovery } from '../../discovery/extension-discovery.js';
import { BlockedLoopMonitor } from '../../monitoring/blocked-loop-monitor.js';
import { type ExtensionCode, nameOf } from '../../monitoring/extension-code.js';
import { check as checkSchema, type Checked } from '../../problems/schema-problems.js';
import { isBuiltIn } from './built-in.decorator.js';
import { findAsyncPart } from './async-config.js';
import { type CheckedNode, checkTemplate, placeholderProblems } from './config-check.js';
import type { ConfigCheck, ConfigProblem, NodeType } from './node-handler.js';
import { NodeTypeName } from './node-handler.decorator.js';
import { NodeOrder } from './node-order.js';

/** A problem of a workflow. `code` is the problem code of the response; undefined means `validation_failed`. */
export type WorkflowProblem = GraphProblem & Pick<ConfigProblem, 'code'>;

/** A node type with the names of its code, by which logs name it. Types that are part of this server have none. */
export interface RegisteredType {
  readonly handler: NodeType;
  readonly code?: { readonly [Method in 'config' | 'check' | 'run']: ExtensionCode };
}

/** A workflow whose nodes are being checked. */
interface CheckedWorkflow {
  readonly graph: WorkflowGraph;
  readonly order: NodeOrder;
  readonly nearest: CheckedNode['nearest'];
}

/** How many ids of unknown nodes are compared with the ids of the workflow. */
const MAX_SEARCHES = 20;

/** Finds every provider with `@NodeHandler` in all modules of the application. */
@Injectable()
export class NodeRegistry implements OnModuleInit {
  private readonly types = new Map<string, RegisteredType>();

  constructor(
    private readonly discovery: ExtensionDiscovery,
    private readonly monitor: BlockedLoopMonitor,
    @Inject(Settings) private readonly settings: Pick<Settings, 'EXTENSION_TIMEOUT_MS' | 'PUBLIC_URL'>,
  ) {}

  /**
   * @throws Error if a class with `@NodeHandler` cannot run nodes, if two have one type, or if a config schema is
   *   asynchronous: the server does not start
   */
  onModuleInit(): void {
    const found = new Map<string, DiscoveredClass<string>>();
    for (const each of this.discovery.classesWith(NodeTypeName)) {
      const { value: type, instance, className, moduleName } = each;
      checkHandler(each, found.get(type));
      found.set(type, each);
      const codeOf = (methodName: string): ExtensionCode => ({ className, moduleName, methodName });
      this.types.set(type, {
        handler: instance as NodeType,
        ...(!isBuiltIn(instance) && {
          code: { config: codeOf('config'), check: codeOf('check'), run: codeOf('run') },
        }),
      });
    }
  }

  find(type: string): NodeType | undefined {
    return this.types.get(type)?.handler;
  }

  /** Finds a node type with the names of its code. */
  registered(type: string): RegisteredType | undefined {
    return this.types.get(type);
  }

  /** Parses a config by the schema of a type. */
  parse({ handler, code }: RegisteredType, config: unknown): Checked<unknown> {
    const parse = () => checkSchema(handler.config, config);
    return code ? this.monitor.call(code.config, parse) : parse();
  }

  /** Finds all problems of the nodes' configs, with paths inside the workflow. */
  async check(workflow: Workflow, check: ConfigCheck): Promise<WorkflowProblem[]> {
    const graph = new WorkflowGraph(workflow);
    const order = new NodeOrder(graph);
    const ids = [...graph.nodes.keys()];
    // A search takes long in a large workflow, and one of many hints is enough.
    let searches = 0;
    const nearest = (id: string) => (searches++ < MAX_SEARCHES ? nearestName(id, ids) : undefined);
    // All checks start in the same event-loop turn, so that a node type can check its nodes together.
    const found = await Promise.all(
      workflow.nodes.map((node, index) => this.checkNode(node, index, { graph, order, nearest }, check)),
    );
    return found.flat();
  }

  private async checkNode(
    { id, type, data: { config } }: WorkflowNode,
    index: number,
    { graph, order, nearest }: CheckedWorkflow,
    check: ConfigCheck,
  ): Promise<WorkflowProblem[]> {
    const registered = this.types.get(type);
    if (!registered) {
      const known = [...this.types.keys()].toSorted();
      const meant = nearestName(type, known);
      const hint = meant === undefined ? '' : `did you mean "${meant}"? `;
      return [
        {
          path: ['nodes', index, 'type'],
          message: `there is no node type "${type}"; ${hint}the node types are ${known.join(', ')}`,
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
    const node: CheckedNode = {
      id,
      nodes: graph.nodes,
      schema: registered.handler.config,
      verbatim: registered.handler.verbatim,
      typeOf: (other) => graph.nodes.get(other)?.type,
      hasPublicUrl: this.settings.PUBLIC_URL !== undefined,
      isBefore: (other) => order.isBefore(other, id),
      nearest,
    };
    const wrong = placeholderProblems(config, node);
    const checked = checkTemplate(config, node, (draft) => this.parse(registered, draft));
    const problems =
      checked.data === undefined
        ? checked.problems
        : (await this.checkParsed(registered, checked.data, check)).filter(
            ({ path }) => !checked.isUnknown(path),
          );
    return [...wrong, ...problems].map((problem) => ({ ...problem, path: pathInWorkflow(problem.path) }));
  }

  /** @throws Error if the check of a module fails, or takes longer than EXTENSION_TIMEOUT_MS */
  private async checkParsed(
    { handler, code }: RegisteredType,
    config: unknown,
    check: ConfigCheck,
  ): Promise<ConfigProblem[]> {
    if (!handler.check) return [];
    if (!code) return handler.check(config, check);
    const limitMs = this.settings.EXTENSION_TIMEOUT_MS;
    try {
      const checking = this.monitor.call(
        code.check,
        async () => (await handler.check?.(config, check)) ?? [],
      );
      return await withTimeLimit(
        checking,
        limitMs,
        () => new Error(`it took longer than ${limitMs} ms (EXTENSION_TIMEOUT_MS)`),
      );
    } catch (error) {
      // The request fails as an internal error, whose line in the log then names the module.
      throw new Error(`${nameOf(code.check)} failed`, { cause: error });
    }
  }
}

/** @param other a class that was found before, with the same type */
function checkHandler(
  { value: type, instance, className, moduleName }: DiscoveredClass<string>,
  other: DiscoveredClass<string> | undefined,
): void {
  const decorator = `@NodeHandler('${type}') of ${className} of ${moduleName}`;
  if (typeof type !== 'string' || type.length > NAME_MAX_LENGTH || !NAME.test(type))
    throw new Error(
      `${decorator} has no valid type: it must have 1 to ${NAME_MAX_LENGTH} letters, digits and . _ : - and begin with a letter or a digit.`,
    );
  if (other)
    throw new Error(
      `Two classes have @NodeHandler('${type}'): ${other.className} of ${other.moduleName}, and ${className} of ${moduleName}. Rename the type of one of them.`,
    );
  const { run, config } = instance as Partial<NodeType>;
  if (typeof run !== 'function')
    throw new Error(`${decorator} has no method run: add it, as the interface NodeType describes.`);
  if (typeof config?.safeParse !== 'function')
    throw new Error(
      `${decorator} has no Zod schema as its property config: add it, such as config = z.strictObject({}).`,
    );
  // Tests check the built-in types, so that each start is quicker.
  const asyncPart = isBuiltIn(instance) ? undefined : findAsyncPart(config);
  if (asyncPart !== undefined)
    throw new Error(
      `the config of ${decorator} has ${asyncPart}, but configs are parsed synchronously: move slow checks into check().`,
    );
}
