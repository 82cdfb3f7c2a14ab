import type { LanguageModelV4StreamPart, SharedV4ProviderMetadata } from '@ai-sdk/provider';
import type { Json } from '@cloutagent/contract';
import { isDeeperThan } from '../../common/json-depth.js';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import { NodeError, type NodeRun } from '../extension/node-handler.js';
import { outputTooDeep } from '../extension/output-shape.js';
import { type Answer, type AnswerCall, type AnswerPart, withMetadata } from './answer.js';
import { streamError } from '../models/stream-error.js';
import { reportedUsage } from './reported-usage.js';
import { TextChunker } from './text-chunker.js';

/** Ids of calls are shorter at all providers. */
const MAX_ID_LENGTH = 512;

export interface AnswerReaderOptions {
  readonly run: Pick<NodeRun<unknown>, 'emit'>;
  /** Of the text, of the reasoning, and of the arguments of a call. */
  readonly maxBytes: number;
  /** Of the arguments of a call. */
  readonly maxDepth: number;
  /** Called for each part: the execution may use a secret while the model answers. */
  readonly secrets: () => SecretRedactor;
}

/** A text or reasoning part that is being written. */
interface OpenPart {
  type: 'text' | 'reasoning';
  text: string;
  metadata: SharedV4ProviderMetadata | undefined;
}

/** Turns the parts of one call of a model into events of the node, and collects the whole answer. */
export class AnswerReader {
  private readonly output: TextChunker;
  private readonly thinking: TextChunker;
  private readonly content: (AnswerPart | OpenPart)[] = [];
  private readonly open = new Map<string, OpenPart>();
  private readonly calls: AnswerCall[] = [];
  /** Lengths of the streamed inputs of calls, by the ids of the provider. */
  private readonly inputLengths = new Map<string, number>();
  /** Lengths of all parts of a type together. */
  private readonly lengths = { text: 0, reasoning: 0 };
  private text = '';
  private characters = 0;
  private finish: Extract<LanguageModelV4StreamPart, { type: 'finish' }> | undefined;

  constructor(private readonly options: AnswerReaderOptions) {
    this.output = new TextChunker(options.secrets);
    this.thinking = new TextChunker(options.secrets);
  }

  /** Whether the model has sent something that watchers have seen. */
  get hasOutput(): boolean {
    return this.characters > 0;
  }

  /** @throws the error of an error part; NodeError `output_too_large`; whatever `run.emit` throws */
  async take(part: LanguageModelV4StreamPart): Promise<void> {
    switch (part.type) {
      case 'text-start':
      case 'reasoning-start':
        this.begin(part.id, part.type === 'text-start' ? 'text' : 'reasoning', part.providerMetadata);
        return;
      case 'text-delta':
        this.add(part.id, 'text', part.delta, part.providerMetadata);
        return this.emitOutput(this.output.push(part.delta));
      case 'reasoning-delta':
        this.add(part.id, 'reasoning', part.delta, part.providerMetadata);
        return this.emitThinking(this.thinking.push(part.delta));
      case 'text-end':
        this.end(part.id, part.providerMetadata);
        return this.emitOutput(this.output.end());
      case 'reasoning-end':
        this.end(part.id, part.providerMetadata);
        return this.emitThinking(this.thinking.end());
      case 'tool-input-delta':
        this.characters += part.delta.length;
        this.inputLengths.set(part.id, (this.inputLengths.get(part.id) ?? 0) + part.delta.length);
        return;
      case 'tool-call':
        this.takeCall(part);
        return;
      case 'custom':
        this.content.push({ type: 'custom', kind: part.kind, ...withMetadata(part.providerMetadata) });
        return;
      case 'finish':
        this.finish = part;
        return;
      case 'error':
        throw streamError(part.error);
      default:
        return;
    }
  }

  /** Returns the answer after the end of the stream. */
  async answer(): Promise<Answer> {
    await this.emitOutput(this.output.end());
    await this.emitThinking(this.thinking.end());
    const content = this.content.flatMap((part): AnswerPart[] => {
      if (!('metadata' in part)) return [part];
      const { type, text, metadata } = part;
      // Providers refuse an empty text.
      if (text === '' && (type === 'text' || metadata === undefined)) return [];
      return [{ type, text: text.toWellFormed(), ...withMetadata(metadata) }];
    });
    return {
      content,
      text: this.text,
      calls: this.calls,
      finishReason: this.finish?.finishReason.unified,
      usage: reportedUsage(this.finish?.usage),
      characters: this.characters,
    };
  }

  private begin(
    id: string,
    type: OpenPart['type'],
    metadata: SharedV4ProviderMetadata | undefined,
  ): OpenPart {
    const part: OpenPart = { type, text: '', metadata };
    this.open.set(`${type} ${id}`, part);
    this.content.push(part);
    return part;
  }

  private add(
    id: string,
    type: OpenPart['type'],
    delta: string,
    metadata: SharedV4ProviderMetadata | undefined,
  ): void {
    // A provider may leave the start of a part out.
    const part = this.open.get(`${type} ${id}`) ?? this.begin(id, type, undefined);
    part.text += delta;
    part.metadata = metadata ?? part.metadata;
    this.characters += delta.length;
    this.lengths[type] += delta.length;
    if (this.lengths[type] > this.options.maxBytes) throw this.tooLarge();
  }

  private end(id: string, metadata: SharedV4ProviderMetadata | undefined): void {
    for (const type of ['text', 'reasoning']) {
      const part = this.open.get(`${type} ${id}`);
      if (part) part.metadata = metadata ?? part.metadata;
    }
  }

  private takeCall(part: Extract<LanguageModelV4StreamPart, { type: 'tool-call' }>): void {
    // The provider has carried it out itself.
    if (part.providerExecuted) return;
    if (part.input.length > this.options.maxBytes) throw this.tooLarge();
    const { args, problem } = parsedArgs(part.input);
    const { maxDepth } = this.options;
    if (isDeeperThan(args, maxDepth)) throw outputTooDeep({ OUTPUT_MAX_DEPTH: maxDepth });
    const number = this.calls.length + 1;
    // A text of PostgreSQL cannot have all characters, and the stored id must be the one in the message.
    // It is redacted before it is compared with others: two ids must stay different.
    const { secrets } = this.options;
    const given = secrets()
      .text(part.toolCallId)
      .slice(0, MAX_ID_LENGTH)
      .toWellFormed()
      .replaceAll('\0', '\uFFFD');
    const isUsable = given !== '' && !this.calls.some(({ toolId }) => toolId === given);
    const toolId = isUsable ? given : `${given || 'call'}_${number}`;
    // The provider may have streamed the same input before.
    this.characters += Math.max(0, part.input.length - (this.inputLengths.get(part.toolCallId) ?? 0));
    this.calls.push({ toolId, modelName: part.toolName, args, ...(problem !== undefined && { problem }) });
    this.content.push({
      type: 'tool-call',
      toolCallId: toolId,
      toolName: part.toolName,
      input: args,
      ...withMetadata(part.providerMetadata),
    });
  }

  private async emitOutput(chunks: Iterable<string>): Promise<void> {
    for (const chunk of chunks) {
      this.text += chunk;
      if (this.text.length > this.options.maxBytes) throw this.tooLarge();
      await this.options.run.emit({ type: 'execution:output', chunk });
    }
  }

  private async emitThinking(chunks: Iterable<string>): Promise<void> {
    for (const chunk of chunks) await this.options.run.emit({ type: 'execution:thinking', chunk });
  }

  private tooLarge(): NodeError {
    return new NodeError(
      'output_too_large',
      `The model's answer is longer than ${this.options.maxBytes} bytes (OUTPUT_MAX_BYTES). Set maxOutputTokens, or ask for a shorter answer.`,
    );
  }
}

/** Parses the arguments of a call. What is not a JSON object is kept as text, because providers want an object back. */
function parsedArgs(input: string): { args: Json; problem?: string } {
  if (input.trim() === '') return { args: {} };
  try {
    const args = JSON.parse(input) as Json;
    if (typeof args === 'object' && args !== null && !Array.isArray(args)) return { args };
    return {
      args: { arguments: args },
      problem: 'The arguments must be a JSON object. Call the tool again.',
    };
  } catch {
    return {
      args: { arguments: input.toWellFormed() },
      problem: 'The arguments are not valid JSON. Call the tool again.',
    };
  }
}
