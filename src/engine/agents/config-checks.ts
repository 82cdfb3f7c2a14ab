import { Injectable } from '@nestjs/common';
import type { ConfigCheck, ConfigProblem } from '../extension/node-handler.js';
import { isTemplate } from '../extension/template.js';
import { urlProblems } from '../http/http-config.js';
import { McpServers } from '../mcp/mcp-servers.js';
import { ModelRegistry } from '../models/model-registry.js';
import { Conditions } from '../nodes/conditions.js';
import { ToolRegistry } from '../tools/tool-registry.js';
import { type ModelConfig, modelsOf } from './model-config.js';
import { OutputFormats } from './output-formats.js';
import type { ConfiguredTool } from './tool-config.js';

/** Checks the parts of a posted config that depend on this server: models, provider options, tools, schemas and URLs. */
@Injectable()
export class ConfigChecks {
  constructor(
    private readonly models: ModelRegistry,
    private readonly tools: ToolRegistry,
    private readonly mcp: McpServers,
    private readonly outputs: OutputFormats,
    private readonly conditions: Conditions,
  ) {}

  /** Finds the problems of a config, with paths inside it. */
  async problems(config: ModelConfig, check: ConfigCheck): Promise<ConfigProblem[]> {
    const { tools = [], mcp: servers = [], output } = config;
    // All texts of the request are checked together, so nothing is awaited before.
    const found = await Promise.all([
      ...tools.map(async (tool, index) => within(await this.toolProblems(tool), 'tools', index)),
      ...tools.map(({ approval }, index) => this.approvalProblems(approval, check, 'tools', index)),
      ...servers.map(({ approval }, index) => this.approvalProblems(approval, check, 'mcp', index)),
      this.outputProblems(output, check),
    ]);
    return [...found.flat(), ...within(this.mcp.problems(servers), 'mcp'), ...this.modelProblems(config)];
  }

  private modelProblems({ model, providerOptions }: ModelConfig): ConfigProblem[] {
    return modelsOf({ model }).flatMap((name, index) => {
      if (isTemplate(name)) return [];
      const path = typeof model === 'string' ? ['model'] : ['model', index];
      const problem = this.models.problem(name);
      const options = this.models.optionsProblems(name, providerOptions);
      return [
        ...(problem ? [{ path, message: problem }] : []),
        ...options.map((each) => ({ path: ['providerOptions', ...each.path], message: each.message })),
      ];
    });
  }

  private async toolProblems(tool: ConfiguredTool): Promise<ConfigProblem[]> {
    if ('http' in tool) return urlProblems(tool.http.url, ['http', 'url']);
    const message = await this.tools.problem(tool.name);
    return message === null ? [] : [{ path: [], message }];
  }

  private async approvalProblems(
    approval: ConfiguredTool['approval'],
    check: ConfigCheck,
    ...path: (string | number)[]
  ): Promise<ConfigProblem[]> {
    if (typeof approval !== 'object' || approval.when === undefined) return [];
    return within(await this.conditions.check(approval.when, check), ...path, 'approval', 'when');
  }

  private async outputProblems(output: ModelConfig['output'], check: ConfigCheck): Promise<ConfigProblem[]> {
    if (!output) return [];
    return within(await this.outputs.check(output, check), 'output');
  }
}

const within = (problems: readonly ConfigProblem[], ...path: (string | number)[]): ConfigProblem[] =>
  problems.map((problem) => ({ ...problem, path: [...path, ...problem.path] }));
