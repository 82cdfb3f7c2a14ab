import { addAbortListener } from 'node:events';
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
  LanguageModelV4Prompt,
} from '@ai-sdk/provider';
import { Inject, Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { Logger } from '../../logging/logger.js';
import { ExecutionRedactors } from '../../secrets/execution-redactors.js';
import { type AgentRun, RepeatNowError } from '../extension/agent-run.js';
import type { ModelUsage } from '../extension/model-usage.js';
import { NodeError, TransientError } from '../extension/node-handler.js';
import { modelError } from '../models/model-error.js';
import { ModelRegistry } from '../models/model-registry.js';
import { observed, type UsageObserver } from '../models/usage-observer.js';
import type { Answer } from './answer.js';
import { AnswerReader } from './answer-reader.js';
import { IdleTimeout } from './idle-timeout.js';
import { type OutputConfig, OutputFormats } from './output-formats.js';
import { type ModelRequest, modelsOf } from './model-config.js';
import { usageOf } from './reported-usage.js';

// Without this the AI SDK writes its warnings to the console.
globalThis.AI_SDK_LOG_WARNINGS = false;

/** What a model is asked. */
export interface Question {
  readonly request: ModelRequest;
  readonly prompt: LanguageModelV4Prompt;
  readonly tools: readonly LanguageModelV4FunctionTool[];
  /** Whether the model may call tools. Otherwise it must answer. */
  readonly mayCallTools: boolean;
  /** The output that the answer must have. */
  readonly output: OutputConfig | undefined;
}

/** A whole answer. Its usage is not counted yet. */
export interface Answered {
  readonly model: string;
  readonly answer: Answer;
  readonly usage: ModelUsage;
}

/** Calls models, and streams their answers into the node's run. */
@Injectable()
export class ModelCall {
  private readonly logger = new Logger(ModelCall.name);

  constructor(
    private readonly models: ModelRegistry,
    private readonly outputs: OutputFormats,
    private readonly redactors: ExecutionRedactors,
    @Inject(Settings) private readonly settings: Pick<Settings, 'OUTPUT_MAX_BYTES' | 'OUTPUT_MAX_DEPTH'>,
  ) {}

  /**
   * Asks the models of the request in their order, until one answers. The next one is asked when one fails in a way that may
   * pass. Once a model has sent output, that takes a new attempt at the node, so that watchers drop the output.
   * @throws NodeError and TransientError with codes `model_…`, `output_too_large`; the reason of `run.signal`
   */
  async ask(run: AgentRun<unknown>, question: Question): Promise<Answered> {
    const models = modelsOf(question.request);
    const first = run.failures % models.length;
    const order = [...models.slice(first), ...models.slice(0, first)];
    for (const [index, model] of order.entries()) {
      // Other executions of the tree may have used up what is left.
      await run.checkLimits(model);
      const observer: UsageObserver = {
        reported: undefined,
        revealSetting: (value, target) => run.revealSetting(value, target),
      };
      const reader = new AnswerReader({
        run,
        maxBytes: this.settings.OUTPUT_MAX_BYTES,
        maxDepth: this.settings.OUTPUT_MAX_DEPTH,
        secrets: () => this.redactors.of(run.executionId),
      });
      run.beginCall(model, () => observer.reported);
      try {
        const answer = await this.read(run, model, question, observer, reader);
        return { model, answer, usage: usageOf(answer, observer.reported, () => lengthOf(question.prompt)) };
      } catch (error) {
        run.signal.throwIfAborted();
        const failure = modelError(error, this.redactors.of(run.executionId));
        const { reported } = observer;
        if (reported) {
          const { input = 0, output = 0, ...more } = reported;
          await run.countTokens(model, { ...more, input, output, finishReason: 'error', incomplete: true });
        }
        if (!(failure instanceof TransientError) || index === order.length - 1) throw failure;
        if (reader.hasOutput) throw run.failures < models.length - 1 ? new RepeatNowError(failure) : failure;
        this.logger.log(`${model} failed, so ${order[index + 1]} is asked: ${failure.message}`, {
          executionId: run.executionId,
          nodeId: run.nodeId,
          code: failure.code,
        });
      }
    }
    throw new NodeError('model_not_available', 'The node names no model: give it one.');
  }

  private async read(
    run: AgentRun<unknown>,
    model: string,
    question: Question,
    observer: UsageObserver,
    reader: AnswerReader,
  ): Promise<Answer> {
    const { idleMs, totalMs } = this.models.timeouts(model);
    // Ends the HTTP request to the provider.
    const httpAbort = new AbortController();
    const stop = (reason: Error) => {
      httpAbort.abort(reason);
      idle.interrupt(reason);
    };
    const idle = new IdleTimeout(idleMs, () =>
      stop(
        new TransientError(
          'model_timeout',
          `The model sent no data for ${idleMs} ms (MODEL_IDLE_TIMEOUT_MS).`,
        ),
      ),
    );
    const timeLimit =
      totalMs === undefined ? undefined : setTimeout(() => stop(tookTooLong(totalMs)), totalMs);
    const abortListener = addAbortListener(run.signal, () => stop(run.signal.reason as Error));
    try {
      const resolved = await this.models.resolve(model);
      const options = this.callOptions(run, question, resolved, httpAbort.signal);
      // Also a comment of the stream shows that the provider is alive.
      observer.onData = () => idle.touch();
      const { stream } = await idle.waitFor(
        observed(observer, () => Promise.resolve(resolved.doStream(options))),
      );
      const parts = stream.getReader();
      for (;;) {
        const { done, value } = await idle.waitFor(parts.read());
        if (done) break;
        // While the run's events wait to be committed, the stream is not read, so the model waits as well.
        await reader.take(value);
      }
      const answer = await reader.answer();
      checkFinish(answer);
      return answer;
    } catch (error) {
      throw httpAbort.signal.aborted ? httpAbort.signal.reason : error;
    } finally {
      abortListener[Symbol.dispose]();
      idle.stop();
      clearTimeout(timeLimit);
      httpAbort.abort();
    }
  }

  private callOptions(
    run: AgentRun<unknown>,
    { request, prompt, tools, mayCallTools, output }: Question,
    model: LanguageModelV4,
    abortSignal: AbortSignal,
  ): LanguageModelV4CallOptions {
    const { temperature, maxOutputTokens, providerOptions } = request;
    const takesSchema = !('supportsStructuredOutputs' in model) || model.supportsStructuredOutputs !== false;
    return {
      prompt: output && !takesSchema ? this.outputs.withInstructions(prompt, output) : prompt,
      ...(temperature !== undefined && { temperature }),
      ...(maxOutputTokens !== undefined && { maxOutputTokens }),
      // A provider reads only the options under its own name. The demo model reads the attempt, to fail its first ones.
      providerOptions: { ...providerOptions, execution: { attempt: run.attempt } },
      ...(tools.length > 0 && {
        tools: [...tools],
        toolChoice: { type: mayCallTools ? ('auto' as const) : ('none' as const) },
      }),
      ...(output && { responseFormat: this.outputs.responseFormat(output) }),
      abortSignal,
    };
  }
}

const tookTooLong = (totalMs: number): TransientError =>
  new TransientError(
    'model_timeout',
    `The call of the model took longer than its limit of ${totalMs} ms (totalMs in MODEL_TIMEOUTS).`,
  );

/** @throws TransientError `model_stream_broken` if the answer is not whole because of a break */
function checkFinish({ finishReason }: Answer): void {
  if (finishReason === undefined || finishReason === 'error' || finishReason === 'interrupted')
    throw new TransientError('model_stream_broken', 'The model stopped before its answer was complete.');
}

/** The number of characters of the texts of a prompt. */
function lengthOf(prompt: LanguageModelV4Prompt): number {
  const lengths = prompt.flatMap(({ content }) =>
    typeof content === 'string'
      ? [content.length]
      : content.map((part) =>
          'text' in part ? part.text.length : part.type === 'file' ? 0 : JSON.stringify(part).length,
        ),
  );
  return lengths.reduce((sum, length) => sum + length, 0);
}
