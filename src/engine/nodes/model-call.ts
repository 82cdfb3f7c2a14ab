import { Inject, Injectable } from '@nestjs/common';
import {
  type AsyncIterableStream,
  experimental_streamTextLowMemory as streamText,
  isStepCount,
  type TextStreamPart,
  type ToolSet,
} from 'ai';
import { SecretRedactor } from '../../config/secret-redactor.js';
import { Settings } from '../../config/settings.js';
import { RestrictedHttpClient } from '../http/restricted-http-client.js';
import { modelError } from '../models/model-error.js';
import { ModelRegistry } from '../models/model-registry.js';
import { type NodeRun, TransientError } from '../extension/node-handler.js';
import { httpTools } from './http-tools.js';
import { IdleTimeout } from './idle-timeout.js';
import { Latches } from './latches.js';
import { ModelStreamReader } from './model-stream-reader.js';
import type { Question } from './model-config.js';

// The AI SDK writes its warnings to the console otherwise.
globalThis.AI_SDK_LOG_WARNINGS = false;

/** Asks a model on behalf of a node, carries out the tools it calls, and streams all of it into the node's run. */
@Injectable()
export class ModelCall {
  constructor(
    private readonly models: ModelRegistry,
    private readonly http: RestrictedHttpClient,
    private readonly secrets: SecretRedactor,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MODEL_IDLE_TIMEOUT_MS' | 'OUTPUT_MAX_BYTES'>,
  ) {}

  /**
   * @returns the final text: that after the last tool round
   * @throws NodeError and TransientError with codes `model_…`, `output_too_large`; the reason of `run.signal`
   */
  async stream(run: NodeRun<unknown>, question: Question): Promise<string> {
    run.signal.throwIfAborted();
    const { MODEL_IDLE_TIMEOUT_MS: idleMs, OUTPUT_MAX_BYTES: mostBytes } = this.settings;
    // Its signal reaches the provider's HTTP request.
    const request = new AbortController();
    const stop = (reason: Error) => {
      request.abort(reason);
      idle.interrupt(reason);
    };
    const idle = new IdleTimeout(idleMs, () =>
      stop(
        new TransientError(
          'model_timeout',
          `The model sent nothing for ${idleMs} ms (MODEL_IDLE_TIMEOUT_MS).`,
        ),
      ),
    );
    const onAbort = () => stop(run.signal.reason as Error);
    run.signal.addEventListener('abort', onAbort, { once: true });
    const milestones = new Latches();
    const answer = new ModelStreamReader(run, question, milestones, mostBytes, this.secrets);
    try {
      const parts = this.open(run, question, request.signal, milestones, idle)[Symbol.asyncIterator]();
      for (;;) {
        const { done, value: part } = await idle.waitFor(parts.next());
        if (done) return answer.text();
        // The model waits while watchers do: nothing is read meanwhile.
        await answer.take(part);
      }
    } catch (error) {
      run.signal.throwIfAborted();
      throw modelError(request.signal.aborted ? request.signal.reason : error, this.secrets);
    } finally {
      run.signal.removeEventListener('abort', onAbort);
      idle.stop();
      request.abort();
    }
  }

  private open(
    run: NodeRun<unknown>,
    question: Question,
    abortSignal: AbortSignal,
    milestones: Latches,
    idle: IdleTimeout,
  ): AsyncIterableStream<TextStreamPart<ToolSet>> {
    const {
      model,
      prompt,
      system,
      temperature,
      maxOutputTokens,
      providerOptions,
      tools = [],
      maxToolRounds,
    } = question;
    const withTools = tools.length > 0 && {
      tools: httpTools(
        tools,
        this.http,
        abortSignal,
        (id) => milestones.reached(`call ${id}`),
        (work) => idle.busy(work),
      ),
      stopWhen: isStepCount(maxToolRounds + 1),
      // A paused execution must not start another model call, nor one over its limit.
      prepareStep: async ({ stepNumber }: { stepNumber: number }) => {
        if (stepNumber > 0) await milestones.reached(`step ${stepNumber}`);
        return stepNumber === maxToolRounds ? { toolChoice: 'none' as const } : {};
      },
    };
    return streamText<ToolSet>({
      model: this.models.resolve(model),
      prompt,
      ...(system !== undefined && system.trim() !== '' && { instructions: system }),
      ...(temperature !== undefined && { temperature }),
      ...(maxOutputTokens !== undefined && { maxOutputTokens }),
      // Providers read what is under their own name only; the demo model can fail its first attempts.
      providerOptions: { ...providerOptions, execution: { attempt: run.attempt } },
      ...withTools,
      // Trying again is the engine's work: watchers hear of it.
      maxRetries: 0,
      abortSignal,
      // Errors come as parts of the stream; without this they would be written to the console, too.
      onError: () => undefined,
    }).stream;
  }
}
