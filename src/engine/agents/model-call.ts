import { addAbortListener } from 'node:events';
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
import { ToolRegistry } from '../tools/tool-registry.js';
import { AgentTools } from './agent-tools.js';
import { IdleTimeout } from './idle-timeout.js';
import { Latches } from './latches.js';
import { ModelStreamReader } from './model-stream-reader.js';
import type { ModelRequest } from './model-config.js';

// Without this the AI SDK writes its warnings to the console.
globalThis.AI_SDK_LOG_WARNINGS = false;

/** Calls a model for a node, carries out the tools that it calls, and streams everything into the node's run. */
@Injectable()
export class ModelCall {
  constructor(
    private readonly models: ModelRegistry,
    private readonly http: RestrictedHttpClient,
    private readonly tools: ToolRegistry,
    private readonly secrets: SecretRedactor,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MODEL_IDLE_TIMEOUT_MS' | 'OUTPUT_MAX_BYTES'>,
  ) {}

  /**
   * Calls the model and streams its answer.
   * @returns the final text: the text after the last tool round
   * @throws NodeError and TransientError with codes `model_…`, `output_too_large`; the reason of `run.signal`
   */
  async stream(run: NodeRun<unknown>, request: ModelRequest): Promise<string> {
    run.signal.throwIfAborted();
    // Other executions of the tree may have used up what is left.
    await run.checkLimits();
    const { MODEL_IDLE_TIMEOUT_MS: idleMs, OUTPUT_MAX_BYTES: maxBytes } = this.settings;
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
    const abortListener = addAbortListener(run.signal, () => stop(run.signal.reason as Error));
    const latches = new Latches();
    try {
      const { http, tools: registry } = this;
      const tools = await AgentTools.of(request.tools ?? [], {
        run,
        http,
        registry,
        signal: httpAbort.signal,
      });
      const reader = new ModelStreamReader({ run, request, latches, maxBytes, secrets: this.secrets, tools });
      const parts = this.open(run, request, httpAbort.signal, latches, idle, tools)[Symbol.asyncIterator]();
      for (;;) {
        const { done, value: part } = await idle.waitFor(parts.next());
        if (done) return reader.text();
        // While the run's events wait to be committed, the stream is not read, so the model waits as well.
        await reader.take(part);
      }
    } catch (error) {
      run.signal.throwIfAborted();
      throw modelError(httpAbort.signal.aborted ? httpAbort.signal.reason : error, this.secrets);
    } finally {
      abortListener[Symbol.dispose]();
      idle.stop();
      httpAbort.abort();
    }
  }

  private open(
    run: NodeRun<unknown>,
    request: ModelRequest,
    abortSignal: AbortSignal,
    latches: Latches,
    idle: IdleTimeout,
    tools: AgentTools,
  ): AsyncIterableStream<TextStreamPart<ToolSet>> {
    const { model, prompt, system, temperature, maxOutputTokens, providerOptions, maxToolRounds } = request;
    const withTools = !tools.isEmpty && {
      tools: tools.toolSet({
        waitUntilAllowed: (id) => latches.wait(`call ${id}`),
        whileRunning: (work) => idle.busy(work),
      }),
      stopWhen: isStepCount(maxToolRounds + 1),
      // The next model call must not start while the execution is paused, or after it has exceeded a limit.
      prepareStep: async ({ stepNumber }: { stepNumber: number }) => {
        if (stepNumber > 0) {
          await latches.wait(`step ${stepNumber}`);
          await run.checkLimits();
        }
        return stepNumber === maxToolRounds ? { toolChoice: 'none' as const } : {};
      },
    };
    return streamText<ToolSet>({
      model: this.models.resolve(model),
      prompt,
      ...(system !== undefined && system.trim() !== '' && { instructions: system }),
      ...(temperature !== undefined && { temperature }),
      ...(maxOutputTokens !== undefined && { maxOutputTokens }),
      // A provider reads only the options under its own name. The demo model reads the attempt, to fail its first ones.
      providerOptions: { ...providerOptions, execution: { attempt: run.attempt } },
      ...withTools,
      // The engine repeats failed attempts, so that each one is recorded.
      maxRetries: 0,
      abortSignal,
      // Errors arrive as parts of the stream. Without this the SDK would also write them to the console.
      onError: () => undefined,
    }).stream;
  }
}
