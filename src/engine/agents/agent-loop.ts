import type { LanguageModelV4Prompt } from '@ai-sdk/provider';
import { Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { ExecutionRedactors } from '../../secrets/execution-redactors.js';
import { type AgentRun, RepeatNowError, type Round } from '../extension/agent-run.js';
import { NodeError, type NodeRun } from '../extension/node-handler.js';
import { RestrictedHttpClient } from '../http/restricted-http-client.js';
import { McpServers } from '../mcp/mcp-servers.js';
import { Conditions } from '../nodes/conditions.js';
import { ToolRegistry } from '../tools/tool-registry.js';
import { AgentTools } from './agent-tools.js';
import type { Answer } from './answer.js';
import { MessageFiles } from './message-files.js';
import { type Answered, ModelCall } from './model-call.js';
import type { ModelRequest } from './model-config.js';
import { OutputFormats } from './output-formats.js';
import { isCutOff } from './reported-usage.js';
import { ToolRounds } from './tool-round.js';
import { messagesOf } from './transcript.js';

/**
 * Runs an agent: asks the model, carries out the tools that it calls, and asks it again with their results, until it answers.
 * Each answer with calls is stored before a tool starts, and each result as it arrives. A later attempt continues from there.
 */
@Injectable()
export class AgentLoop {
  constructor(
    private readonly calls: ModelCall,
    private readonly http: RestrictedHttpClient,
    private readonly registry: ToolRegistry,
    private readonly mcp: McpServers,
    private readonly files: MessageFiles,
    private readonly outputs: OutputFormats,
    private readonly conditions: Conditions,
    private readonly redactors: ExecutionRedactors,
  ) {}

  /**
   * Runs one attempt.
   * @param nodeRun an `AgentRun`, which every built-in node gets
   * @returns the text of the last answer, or with `output` the value that it contains
   * @throws NodeError and TransientError with codes `model_…`, `output_…`, `tool_…`, `mcp_unavailable`; the reason of the
   *   run's signal
   */
  async run(nodeRun: NodeRun<unknown>, request: ModelRequest): Promise<Json> {
    const run = nodeRun as AgentRun<unknown>;
    run.signal.throwIfAborted();
    const rounds = await run.rounds.load();
    const prompt = await this.promptOf(request, run);
    const tools = await AgentTools.open(request.tools ?? [], request.mcp ?? [], {
      run,
      http: this.http,
      registry: this.registry,
      mcp: this.mcp,
      signal: run.signal,
    });
    try {
      return await this.untilAnswered(run, request, prompt, tools, rounds);
    } finally {
      await tools.close();
    }
  }

  private async untilAnswered(
    run: AgentRun<unknown>,
    request: ModelRequest,
    prompt: LanguageModelV4Prompt,
    tools: AgentTools,
    rounds: Round[],
  ): Promise<Json> {
    const { conditions } = this;
    const secrets = () => this.redactors.of(run.executionId);
    const { output, maxToolRounds } = request;
    const toolRounds = new ToolRounds({ run, tools, conditions, secrets });
    for (let isNew = false; ; isNew = true) {
      const last = rounds.at(-1);
      if (last) await toolRounds.carryOut(last, isNew);
      const used = rounds.filter(({ calls }) => calls.length > 0).length;
      const answered = await this.calls.ask(run, {
        request,
        prompt: [...prompt, ...rounds.flatMap(messagesOf)],
        tools: tools.definitions(),
        mayCallTools: used < maxToolRounds,
        output,
      });
      const { answer, model, usage } = answered;
      const round = { round: rounds.length + 1, content: answer.content as unknown as Json, model, usage };
      if (answer.calls.length > 0) {
        if (used >= maxToolRounds) return await fail(run, answered, toolLimit(maxToolRounds));
        const calls = await toolRounds.prepare(answer.calls);
        rounds.push(await run.rounds.add({ ...round, problem: undefined, calls }));
        await run.checkLimits();
        continue;
      }
      const problem = emptyAnswer(answer);
      if (problem) return await fail(run, answered, problem);
      if (!output) return await finish(run, answered, answer.text);
      const read = await this.outputs
        .read(answer.text, output, run.projectId, run.signal)
        .catch((error: unknown) => {
          if (error instanceof NodeError) return fail(run, answered, error);
          throw error;
        });
      if ('output' in read) return await finish(run, answered, read.output);
      if (rounds.some((each) => each.problem !== undefined))
        return await fail(
          run,
          answered,
          outputInvalid(read.problem, 'also after the model was asked to correct it'),
        );
      // The next attempt asks the model to correct it. Watchers drop the text of this one.
      await run.rounds.add({ ...round, problem: read.problem, calls: [] });
      throw new RepeatNowError(outputInvalid(read.problem));
    }
  }

  private async promptOf(
    request: ModelRequest,
    run: Pick<NodeRun<unknown>, 'signal' | 'redact'>,
  ): Promise<LanguageModelV4Prompt> {
    const { system, prompt, messages } = request;
    const asked: LanguageModelV4Prompt = messages
      ? await this.files.prompt(messages, run)
      : [{ role: 'user', content: [{ type: 'text', text: prompt ?? '' }] }];
    // Providers refuse an empty system prompt.
    return system === undefined || system.trim() === ''
      ? asked
      : [{ role: 'system', content: system }, ...asked];
  }
}

async function finish(run: AgentRun<unknown>, answered: Answered, output: Json): Promise<Json> {
  await count(run, answered);
  return output;
}

async function fail(run: AgentRun<unknown>, answered: Answered, error: NodeError): Promise<never> {
  await count(run, answered);
  throw error;
}

async function count(run: AgentRun<unknown>, { model, usage, answer }: Answered): Promise<void> {
  const { finishReason } = answer;
  run.setFinish({ finishReason: finishReason ?? 'other', incomplete: isCutOff(finishReason) });
  await run.countTokens(model, usage);
}

/** Returns the failure of an answer that was cut off before it had any text; undefined if it is usable. */
function emptyAnswer({ text, finishReason }: Answer): NodeError | undefined {
  if (text !== '') return undefined;
  switch (finishReason) {
    case 'content-filter':
      return new NodeError('model_filtered', 'The model provider filtered the answer: change the prompt.');
    case 'length':
      return new NodeError(
        'model_answer_cut_off',
        'The answer of the model was cut off before it had any text: raise maxOutputTokens, or shorten the prompt.',
      );
    default:
      return undefined;
  }
}

const toolLimit = (maxToolRounds: number): NodeError =>
  new NodeError(
    'tool_limit_reached',
    `The model still calls tools after ${maxToolRounds} rounds (maxToolRounds), although it was asked to answer. Raise maxToolRounds, change the prompt, or use another model.`,
  );

const outputInvalid = (problem: string, when = 'so the model is asked to correct it'): NodeError =>
  new NodeError('output_invalid', `The answer of the model does not fit output.schema, ${when}: ${problem}`);
