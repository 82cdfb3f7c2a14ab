import { isDeepStrictEqual } from 'node:util';
import type { Json } from '@cloutagent/contract';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import { messageOf } from '../../logging/error-info.js';
import type { AgentRun, NewRound, Round, RoundCall, StoredResult } from '../extension/agent-run.js';
import { NodeError } from '../extension/node-handler.js';
import type { ToolCall } from '../extension/tool-hooks.js';
import type { WaitResult } from '../extension/waiting.js';
import type { Conditions } from '../nodes/conditions.js';
import type { AgentTool, ToolApproval, ToolOutput } from '../tools/agent-tool.js';
import type { AgentTools } from './agent-tools.js';
import type { AnswerCall } from './answer.js';
import { denial } from './denied-call.js';

const UNKNOWN_EFFECT =
  'It is not known whether this call had its effect: it was under way when the server stopped or a time limit was reached. Check that before you call the tool again.';

/** More calls than an answer of a model needs. */
const MAX_CALLS = 128;
const TOO_MANY = `This call was not sent: one answer may have at most ${MAX_CALLS} calls.`;

export interface ToolRoundScope {
  readonly run: AgentRun<unknown>;
  readonly tools: AgentTools;
  readonly conditions: Conditions;
  readonly secrets: () => SecretRedactor;
}

/** Carries out the calls of tools of one attempt at an agent. */
export class ToolRounds {
  /** Why a person decides on a call whose condition could not be evaluated, by its id. */
  private readonly reasons = new Map<string, string>();

  constructor(private readonly scope: ToolRoundScope) {}

  /**
   * Prepares the calls of a new answer: passes them through the interceptors, and decides which ones need a person.
   * @returns what to store, in the order of the calls
   */
  prepare(calls: readonly AnswerCall[]): Promise<NewRound['calls']> {
    return Promise.all(
      calls.map(async ({ toolId, modelName, args: given, problem }, index) => {
        const tool = this.scope.tools.find(modelName);
        const toolName = tool?.name ?? modelName;
        const isTooMany = index >= MAX_CALLS;
        if (!tool || problem !== undefined || isTooMany) {
          const refusal = isTooMany ? TOO_MANY : (problem ?? this.unknownTool(modelName));
          return { toolId, toolName, args: given, refusal, started: false };
        }
        const { args, refusal } = await this.beforeCall({ toolId, toolName, args: given });
        const started = refusal === undefined && !(await this.needsPerson(toolId, tool, args));
        return { toolId, toolName, args, refusal, started };
      }),
    );
  }

  /**
   * Carries out the calls of a round that have no recorded result. When only calls are left that need a person, the node
   * waits.
   * @param isNew whether this attempt has stored the round, so that no call of it can be under way
   * @throws the reason of the run's signal; NodeError `approval_expired`
   */
  async carryOut({ calls }: Round, isNew: boolean): Promise<void> {
    const questions: { call: RoundCall; approval: ToolApproval }[] = [];
    const settled = await Promise.allSettled(
      calls
        .filter(({ recorded }) => !recorded)
        .map(async (call) => {
          const approval = await this.settle(call, isNew);
          if (approval) questions.push({ call, approval });
        }),
    );
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    // They begin together, in one commit, in which the node stands still.
    await Promise.all(questions.map(({ call, approval }) => this.ask(call, approval)));
  }

  /** @returns the approval for which a call waits; undefined if the result of the call is recorded */
  private async settle(call: RoundCall, isNew: boolean): Promise<ToolApproval | undefined> {
    const { run, tools } = this.scope;
    const tool = tools.named(call.toolName);
    if (call.result) await run.rounds.finish(call, call.result);
    else if (call.refusal !== undefined) await this.fail(call, call.refusal);
    else if (!tool && call.started && !isNew) await this.fail(call, UNKNOWN_EFFECT);
    else if (!tool) await this.fail(call, this.unknownTool(call.toolName));
    else if (call.started && isNew) await this.send(call, tool, call.args);
    else if (call.started && tool.mayRepeat) await this.sendAgain(call, tool);
    else if (call.started) await this.fail(call, UNKNOWN_EFFECT);
    else if (!tool.approval) await this.sendLate(call, tool, call.args);
    else {
      const answer = run.endedWait(keyOf(call));
      if (!answer) return tool.approval;
      await this.apply(call, tool, tool.approval, answer);
    }
    return undefined;
  }

  private async ask(call: RoundCall, { assignees, message, expiresInMs }: ToolApproval): Promise<void> {
    const reason = this.reasons.get(call.toolId);
    const shown = [message, reason].filter((text) => text !== undefined).join('\n');
    await this.scope.run.waitFor({
      kind: 'tool',
      key: keyOf(call),
      toolName: call.toolName,
      toolArgs: call.args,
      ...(shown !== '' && { message: shown }),
      assignees,
      expiresInMs,
    });
  }

  /** Applies the answer of a person. */
  private async apply(
    call: RoundCall,
    tool: AgentTool,
    { onExpire }: ToolApproval,
    answer: WaitResult<'tool'>,
  ): Promise<void> {
    if (answer.outcome === 'expired') {
      // The result is stored in any case: another attempt at the node continues after it.
      await this.fail(call, 'No person has allowed this call in time, so it was not sent.');
      if (onExpire === 'deny') return undefined;
      throw new NodeError('approval_expired', `No person has allowed the call of ${call.toolName} in time.`);
    }
    if (answer.action === 'deny') return this.fail(call, denial(answer.reason));
    return this.sendLate(call, tool, this.argsOf(call));
  }

  /** Sends a call again whose result is not known. */
  private async sendAgain(call: RoundCall, tool: AgentTool): Promise<void> {
    const { args, refusal } = await this.allowedArgs(call, this.argsOf(call));
    return refusal === undefined ? this.send(call, tool, args) : this.fail(call, refusal);
  }

  /** Passes arguments that a person has changed through the interceptors, which have only seen those of the model. */
  private async allowedArgs(call: RoundCall, given: Json): Promise<{ args: Json; refusal?: string }> {
    if (given === call.args) return { args: given };
    return this.beforeCall({ toolId: call.toolId, toolName: call.toolName, args: given });
  }

  /** Returns the arguments of a call: those that a person has allowed, or else those of the model. */
  private argsOf(call: RoundCall): Json {
    const answer = this.scope.run.endedWait(keyOf(call));
    if (answer?.outcome !== 'answered' || answer.action !== 'approve') return call.args;
    // A wait shows the arguments without secrets of the server. If the person has left them as they are, the call has its own.
    const shown = JSON.parse(this.scope.secrets().json(JSON.stringify(call.args))) as Json;
    return isDeepStrictEqual(answer.args, shown) ? call.args : answer.args;
  }

  /** Sends a call that was not stored as one that may be sent. */
  private async sendLate(call: RoundCall, tool: AgentTool, given: Json): Promise<void> {
    const { args, refusal } = await this.allowedArgs(call, given);
    if (refusal !== undefined) return this.fail(call, refusal);
    await this.scope.run.rounds.start(call);
    return this.send(call, tool, args);
  }

  private async send(call: RoundCall, tool: AgentTool, args: Json): Promise<void> {
    const { run, secrets } = this.scope;
    let output: ToolOutput;
    run.rounds.sending(call);
    try {
      output = await tool.call({ args, idempotencyKey: run.rounds.keyOf(call), signal: run.signal });
    } catch (error) {
      run.signal.throwIfAborted();
      output = { result: messageOf(error), isError: true };
    }
    const { toolId, toolName } = call;
    const { toolHooks } = run;
    const shown = toolHooks
      ? await toolHooks.after({ toolId, toolName, args }, { result: output.result, isError: output.isError })
      : output;
    // The content is another form of the result, so it does not outlive a change of the result.
    const content = isDeepStrictEqual(shown.result, output.result) && !shown.isError && output.content;
    const stored = {
      result: shown.result,
      isError: shown.isError,
      ...(content && { content: content as unknown as Json }),
      ...(!isDeepStrictEqual(args, call.args) && { args }),
    };
    await this.finish(call, JSON.parse(secrets().json(JSON.stringify(stored))) as StoredResult);
  }

  /** Gives the model an error as the result of a call. */
  private fail(call: RoundCall, message: string): Promise<void> {
    return this.finish(call, { result: this.scope.secrets().text(message), isError: true });
  }

  private async finish(call: RoundCall, result: StoredResult): Promise<void> {
    const { run } = this.scope;
    try {
      await run.rounds.finish(call, result);
    } catch (error) {
      if (!(error instanceof NodeError) || call.result) throw error;
      await run.rounds.finish(call, { result: error.message, isError: true });
    }
  }

  /** Passes a call through the interceptors. */
  private async beforeCall(call: ToolCall): Promise<{ args: Json; refusal?: string }> {
    const { toolHooks } = this.scope.run;
    return toolHooks ? toolHooks.before(call) : { args: call.args };
  }

  private async needsPerson(toolId: string, { name, approval }: AgentTool, args: Json): Promise<boolean> {
    if (!approval) return false;
    const { when } = approval;
    if (when === undefined) return true;
    const { run, conditions } = this.scope;
    const document = { ...run.conditionDocument([when]), args, toolName: name };
    const [result] = await conditions.evaluate(run.projectId, [when], document, run.signal);
    if (result && 'value' in result) return result.value;
    this.reasons.set(
      toolId,
      `The condition approval.when ${result?.error ?? 'was not evaluated'}, so a person decides.`,
    );
    return true;
  }

  private unknownTool(name: string): string {
    const { modelNames } = this.scope.tools;
    return modelNames.length === 0
      ? `There is no tool "${name}": you have no tools. Answer without them.`
      : `There is no tool "${name}". The tools are: ${modelNames.join(', ')}.`;
  }
}

/** The key of the wait for a person's consent to a call. */
const keyOf = ({ round, index }: RoundCall): string => `tool:${round}:${index}`;
