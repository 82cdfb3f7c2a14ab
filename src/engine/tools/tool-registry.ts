import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import type { AgentToolCall } from './agent-tool.js';
import type { Json } from '@cloutagent/contract';
import { z } from 'zod';
import { isDeeperThan } from '../../common/json-depth.js';
import { nearestName } from '../../common/spelling.js';
import { withTimeLimit } from '../../common/time-limit.js';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import { Settings } from '../../config/settings.js';
import { type DiscoveredClass, ExtensionDiscovery } from '../../discovery/extension-discovery.js';
import { messageOf } from '../../logging/error-info.js';
import { Logger } from '../../logging/logger.js';
import { BlockedLoopMonitor } from '../../monitoring/blocked-loop-monitor.js';
import { codeMembers, type ExtensionCode } from '../../monitoring/extension-code.js';
import { NodeError, type NodeRun } from '../extension/node-handler.js';
import { checkShape, outputTooDeep } from '../extension/output-shape.js';
import { ExecutionRedactors } from '../../secrets/execution-redactors.js';
import { type ToolDefinition, ToolPrefix, type ToolProvider } from './tool-provider.js';

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const NAME_RULE = 'must have 1 to 64 letters, digits, _ and -';

const Definitions = z
  .array(
    z.object({
      name: z.string().regex(NAME, NAME_RULE),
      description: z.string().min(1).max(10_000),
      inputSchema: z
        .record(z.string(), z.unknown())
        .refine((schema) => schema['type'] === 'object', 'must be a JSON Schema with "type": "object"'),
    }),
  )
  .refine(
    (tools) => new Set(tools.map(({ name }) => name)).size === tools.length,
    'must have different names',
  );

/** A tool of a provider. */
interface ProvidedTool {
  readonly definition: ToolDefinition;
  readonly provider: ToolProvider;
  readonly code: ExtensionCode;
}

/** Finds the tools of all providers by their full names, such as `crm/find-customer`, and calls them. */
@Injectable()
export class ToolRegistry implements OnModuleInit, OnApplicationBootstrap {
  private readonly logger = new Logger(ToolRegistry.name);
  private readonly providers = new Map<string, DiscoveredClass<string>>();
  private readonly tools = new Map<string, ProvidedTool>();
  /** Resolves when the tools are listed. An execution that was taken over may ask for a tool earlier. */
  private readonly listed = Promise.withResolvers<void>();

  constructor(
    private readonly discovery: ExtensionDiscovery,
    private readonly monitor: BlockedLoopMonitor,
    private readonly redactors: ExecutionRedactors,
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      | 'EXTENSION_TIMEOUT_MS'
      | 'TOOL_TIMEOUT_MS'
      | 'OUTPUT_MAX_BYTES'
      | 'OUTPUT_MAX_DEPTH'
      | 'OUTPUT_MAX_PARTS'
    >,
  ) {
    this.listed.promise.catch(() => undefined);
  }

  /** @throws Error if a class with `@ProvidesTools` cannot provide tools: the server does not start */
  onModuleInit(): void {
    for (const each of this.discovery.classesWith(ToolPrefix)) {
      checkProvider(each, this.providers.get(each.value));
      this.providers.set(each.value, each);
    }
  }

  /** @throws Error if a provider cannot list its tools, or if a definition is not valid: the server does not start */
  async onApplicationBootstrap(): Promise<void> {
    try {
      await Promise.all([...this.providers.values()].map((each) => this.list(each)));
      this.listed.resolve();
    } catch (error) {
      this.listed.reject(error);
      throw error;
    }
  }

  /** Explains why there is no tool of this name, in a sentence that says what to do; null if there is one. */
  async problem(name: string): Promise<string | null> {
    await this.listed.promise;
    if (this.tools.has(name)) return null;
    const known = [...this.tools.keys()].toSorted();
    const meant = nearestName(name, known);
    const hint =
      meant !== undefined
        ? `did you mean "${meant}"?`
        : known.length > 0
          ? `the tools of this server are ${known.slice(0, 50).join(', ')}`
          : 'this server has no module that provides tools';
    return `there is no tool "${name}"; ${hint}`;
  }

  /** @throws NodeError `tool_not_available` */
  async definition(name: string): Promise<ToolDefinition> {
    const problem = await this.problem(name);
    if (problem !== null)
      throw new NodeError('tool_not_available', `This workflow cannot run here: ${problem}.`);
    return this.tools.get(name)!.definition;
  }

  /**
   * Carries out a call, within TOOL_TIMEOUT_MS.
   * @param name of a tool that exists
   * @returns the result, without secrets
   * @throws Error with a message for the model
   */
  async call(
    name: string,
    { args, idempotencyKey, signal }: AgentToolCall,
    run: NodeRun<unknown>,
  ): Promise<Json> {
    const { definition, provider, code } = this.tools.get(name)!;
    const timeout = new AbortController();
    const { executionId, projectId, tags, createdBy, nodeId, stepId } = run;
    const step = { executionId, projectId, tags, createdBy, nodeId, stepId };
    const request = {
      tool: definition.name,
      args,
      idempotencyKey,
      run: { ...step, signal: AbortSignal.any([signal, timeout.signal]) },
    };
    const limitMs = this.settings.TOOL_TIMEOUT_MS;
    try {
      const calling = this.monitor.call(code, async () => provider.call(request));
      const result = await withTimeLimit(calling, limitMs, () => {
        const error = new Error(`The tool took longer than its limit of ${limitMs} ms (TOOL_TIMEOUT_MS).`);
        timeout.abort(error);
        return error;
      });
      return this.admit(result ?? null, this.redactors.of(executionId));
    } catch (error) {
      if (signal.aborted) throw error;
      const members = { ...codeMembers(code), tool: name, executionId, nodeId, stepId };
      this.logger.warn(`the tool ${name} failed`, error, members);
      throw new Error(this.redactors.of(executionId).text(messageOf(error)), { cause: error });
    }
  }

  /** @throws NodeError `output_too_deep`, `output_too_large` */
  private admit(result: Json, secrets: SecretRedactor): Json {
    const { OUTPUT_MAX_BYTES: maxBytes } = this.settings;
    if (isDeeperThan(result, this.settings.OUTPUT_MAX_DEPTH)) throw outputTooDeep(this.settings);
    const text = JSON.stringify(result);
    if (text === undefined) throw new Error("The tool's result is not a JSON value.");
    const json = Buffer.from(text);
    if (json.length > maxBytes)
      throw new NodeError(
        'output_too_large',
        `The tool's result has ${json.length} bytes; the limit is ${maxBytes} (OUTPUT_MAX_BYTES).`,
      );
    checkShape(json, this.settings);
    return JSON.parse(secrets.json(text)) as Json;
  }

  private async list(found: DiscoveredClass<string>): Promise<void> {
    const { value: prefix, instance, className, moduleName } = found;
    const provider = instance as ToolProvider;
    const limitMs = this.settings.EXTENSION_TIMEOUT_MS;
    const codeOf = (methodName: string): ExtensionCode => ({ className, moduleName, methodName });
    let list: unknown;
    try {
      const listing = this.monitor.call(codeOf('tools'), async () => provider.tools());
      list = await withTimeLimit(
        listing,
        limitMs,
        () => new Error(`it took longer than ${limitMs} ms (EXTENSION_TIMEOUT_MS)`),
      );
    } catch (error) {
      throw new Error(`${describe(found)} cannot list its tools: ${messageOf(error)}`, { cause: error });
    }
    const parsed = Definitions.safeParse(list);
    const issue = parsed.error?.issues[0];
    if (issue)
      throw new Error(
        `${describe(found)} lists a tool that is not valid: ${['tools', ...issue.path].join('.')}: ${issue.message}. Correct its definition.`,
      );
    for (const definition of parsed.data!)
      this.tools.set(`${prefix}/${definition.name}`, { definition, provider, code: codeOf('call') });
  }
}

const describe = ({ value, className, moduleName }: DiscoveredClass<string>): string =>
  `@ProvidesTools('${value}') of ${className} of ${moduleName}`;

/** @param other a class that was found before, with the same prefix */
function checkProvider(found: DiscoveredClass<string>, other: DiscoveredClass<string> | undefined): void {
  const { value: prefix, instance } = found;
  if (typeof prefix !== 'string' || !NAME.test(prefix))
    throw new Error(`${describe(found)} has no valid prefix: it ${NAME_RULE}.`);
  if (other)
    throw new Error(`${describe(other)} and ${describe(found)} have the same prefix: rename one of them.`);
  for (const method of ['tools', 'call'] as const)
    if (typeof (instance as Partial<ToolProvider>)[method] !== 'function')
      throw new Error(
        `${describe(found)} has no method ${method}: add it, as the interface ToolProvider describes.`,
      );
}
