import type { Json } from '@cloutagent/contract';
import type { TextStreamPart, ToolSet } from 'ai';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import { messageOf } from '../../logging/error-info.js';
import { NodeError, type NodeRun, TransientError } from '../extension/node-handler.js';
import { tokenCount } from '../models/token-count.js';
import type { Latches } from './latches.js';
import type { Question } from './model-config.js';
import { TextChunker } from './text-chunker.js';

/** Turns the parts of a model's stream into events of a node, one by one, and keeps its final text. */
export class ModelStreamReader {
  private readonly output: TextChunker;
  private readonly thinking: TextChunker;
  private stepText = '';
  /** Characters written in this step, for providers that don't count tokens. */
  private written = 0;
  private steps = 0;
  private finishReason: string | undefined;

  constructor(
    private readonly run: NodeRun<unknown>,
    private readonly question: Question,
    private readonly milestones: Latches,
    private readonly mostBytes: number,
    secrets: SecretRedactor,
  ) {
    this.output = new TextChunker(secrets);
    this.thinking = new TextChunker(secrets);
  }

  async take(part: TextStreamPart<ToolSet>): Promise<void> {
    switch (part.type) {
      case 'start-step':
        this.stepText = '';
        this.written = 0;
        return;
      case 'text-delta':
        this.written += part.text.length;
        return this.emitOutput(this.output.push(part.text));
      case 'text-end':
        return this.emitOutput(this.output.end());
      case 'reasoning-delta':
        this.written += part.text.length;
        return this.emitThinking(this.thinking.push(part.text));
      case 'reasoning-end':
        return this.emitThinking(this.thinking.end());
      case 'tool-call': {
        const { toolCallId: toolId, toolName } = part;
        await this.run.emit({
          type: 'execution:tool-call',
          toolId,
          toolName,
          toolArgs: (part.input ?? null) as Json,
        });
        this.milestones.reach(`call ${toolId}`);
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
   * The final text, when the stream has ended.
   * @throws TransientError `model_stream_broken`, NodeError `model_filtered`
   */
  text(): string {
    const reason = this.finishReason;
    if (reason === undefined || reason === 'error' || reason === 'interrupted') {
      throw new TransientError('model_stream_broken', 'The model stopped before its answer was complete.');
    }
    if (reason === 'content-filter' && this.stepText === '') {
      throw new NodeError('model_filtered', "The model's provider filtered the answer: change the prompt.");
    }
    return this.stepText;
  }

  private async emitOutput(pieces: Iterable<string>): Promise<void> {
    for (const chunk of pieces) {
      this.stepText += chunk;
      if (this.stepText.length > this.mostBytes) {
        throw new NodeError(
          'output_too_large',
          `The model's answer is longer than ${this.mostBytes} bytes (OUTPUT_MAX_BYTES).`,
        );
      }
      await this.run.emit({ type: 'execution:output', chunk });
    }
  }

  private async emitThinking(pieces: Iterable<string>): Promise<void> {
    for (const chunk of pieces) await this.run.emit({ type: 'execution:thinking', chunk });
  }

  private async finishStep({
    usage,
    finishReason,
  }: Extract<TextStreamPart<ToolSet>, { type: 'finish-step' }>): Promise<void> {
    await this.emitOutput(this.output.end());
    await this.emitThinking(this.thinking.end());
    // A broken call has no usage to speak of, unless the provider said so.
    const broken = finishReason === 'error' || finishReason === 'interrupted';
    const { model, prompt, system = '' } = this.question;
    const guess = (characters: number) => (broken ? 0 : Math.ceil(characters / 4));
    const input = tokenCount(usage.inputTokens) ?? guess(prompt.length + system.length);
    const output = tokenCount(usage.outputTokens) ?? guess(this.written);
    if (input + output > 0) await this.run.countTokens(model, { input, output });
    this.steps += 1;
    this.milestones.reach(`step ${this.steps}`);
  }
}
