import type { Json } from '@cloutagent/contract';
import type { TextStreamPart, ToolSet } from 'ai';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import { messageOf } from '../../logging/error-info.js';
import { NodeError, type NodeRun, TransientError } from '../extension/node-handler.js';
import { tokenCount } from '../models/token-count.js';
import type { AgentTools } from './agent-tools.js';
import type { Latches } from './latches.js';
import type { ModelRequest } from './model-config.js';
import { TextChunker } from './text-chunker.js';

export interface ModelStreamReaderOptions {
  readonly run: NodeRun<unknown>;
  readonly request: ModelRequest;
  readonly latches: Latches;
  /** Of the final text. */
  readonly maxBytes: number;
  readonly secrets: SecretRedactor;
  readonly tools: AgentTools;
}

/**
 * Turns the parts of a model's stream into events of a node and keeps the final text. It opens the latch `call <id>` when
 * the tool call is recorded, and `step <n>` when the tokens of the n-th step are counted.
 */
export class ModelStreamReader {
  private readonly output: TextChunker;
  private readonly thinking: TextChunker;
  /** Text of the current step. */
  private stepText = '';
  /** Characters that the model wrote in this step; the basis of an estimate if the provider does not count tokens. */
  private stepCharacters = 0;
  private finishedSteps = 0;
  private finishReason: string | undefined;

  private readonly run: NodeRun<unknown>;
  private readonly request: ModelRequest;
  private readonly latches: Latches;
  private readonly maxBytes: number;
  private readonly tools: AgentTools;

  constructor({ run, request, latches, maxBytes, secrets, tools }: ModelStreamReaderOptions) {
    this.run = run;
    this.request = request;
    this.latches = latches;
    this.maxBytes = maxBytes;
    this.tools = tools;
    this.output = new TextChunker(secrets);
    this.thinking = new TextChunker(secrets);
  }

  /** @throws the error of an error part; NodeError `output_too_large`; whatever `run.emit` throws */
  async take(part: TextStreamPart<ToolSet>): Promise<void> {
    switch (part.type) {
      case 'start-step':
        this.stepText = '';
        this.stepCharacters = 0;
        return;
      case 'text-delta':
        this.stepCharacters += part.text.length;
        return this.emitOutput(this.output.push(part.text));
      case 'text-end':
        return this.emitOutput(this.output.end());
      case 'reasoning-delta':
        this.stepCharacters += part.text.length;
        return this.emitThinking(this.thinking.push(part.text));
      case 'reasoning-end':
        return this.emitThinking(this.thinking.end());
      case 'tool-call': {
        const { toolCallId: toolId } = part;
        const toolName = this.tools.fullName(part.toolName);
        const toolArgs = await this.tools.prepare(toolId, part.toolName, (part.input ?? null) as Json);
        await this.run.emit({ type: 'execution:tool-call', toolId, toolName, toolArgs });
        this.latches.open(`call ${toolId}`);
        return;
      }
      case 'tool-result':
        return this.run.emit({
          type: 'execution:tool-result',
          toolId: part.toolCallId,
          result: (part.output ?? null) as Json,
          isError: false,
        });
      case 'tool-error':
        return this.run.emit({
          type: 'execution:tool-result',
          toolId: part.toolCallId,
          result: messageOf(part.error),
          isError: true,
        });
      case 'finish-step':
        return this.finishStep(part);
      case 'finish':
        this.finishReason = part.finishReason;
        return;
      case 'error':
        throw part.error;
      default:
        return;
    }
  }

  /**
   * Returns the final text after the end of the stream.
   * @throws TransientError `model_stream_broken`, NodeError `model_filtered`
   */
  text(): string {
    const reason = this.finishReason;
    if (reason === undefined || reason === 'error' || reason === 'interrupted') {
      throw new TransientError('model_stream_broken', 'The model stopped before its answer was complete.');
    }
    if (reason === 'content-filter' && this.stepText === '') {
      throw new NodeError('model_filtered', 'The model provider filtered the answer: change the prompt.');
    }
    return this.stepText;
  }

  private async emitOutput(chunks: Iterable<string>): Promise<void> {
    for (const chunk of chunks) {
      this.stepText += chunk;
      if (this.stepText.length > this.maxBytes) {
        throw new NodeError(
          'output_too_large',
          `The model's answer is longer than ${this.maxBytes} bytes (OUTPUT_MAX_BYTES). Set maxOutputTokens, or ask for a shorter answer.`,
        );
      }
      await this.run.emit({ type: 'execution:output', chunk });
    }
  }

  private async emitThinking(chunks: Iterable<string>): Promise<void> {
    for (const chunk of chunks) await this.run.emit({ type: 'execution:thinking', chunk });
  }

  private async finishStep({
    usage,
    finishReason,
  }: Extract<TextStreamPart<ToolSet>, { type: 'finish-step' }>): Promise<void> {
    await this.emitOutput(this.output.end());
    await this.emitThinking(this.thinking.end());
    // The usage of a broken call is not estimated: it counts only if the provider reported it.
    const isBroken = finishReason === 'error' || finishReason === 'interrupted';
    const { model, prompt, system = '' } = this.request;
    const estimate = (characters: number) => (isBroken ? 0 : Math.ceil(characters / 4));
    const input = tokenCount(usage.inputTokens) ?? estimate(prompt.length + system.length);
    const output = tokenCount(usage.outputTokens) ?? estimate(this.stepCharacters);
    if (input + output > 0) await this.run.countTokens(model, { input, output });
    this.finishedSteps += 1;
    this.latches.open(`step ${this.finishedSteps}`);
  }
}
