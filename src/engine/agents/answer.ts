import type { LanguageModelV4Message, SharedV4ProviderMetadata } from '@ai-sdk/provider';
import type { Json } from '@cloutagent/contract';
import type { ReportedUsage } from '../extension/model-usage.js';

/** A part of an assistant's message. */
export type AnswerPart = Extract<LanguageModelV4Message, { role: 'assistant' }>['content'][number];

/** A call of a tool, as the model wrote it. */
export interface AnswerCall {
  readonly toolId: string;
  /** The name that the model knows. */
  readonly modelName: string;
  readonly args: Json;
  /** What is wrong with the arguments; then the call cannot be carried out. */
  readonly problem?: string;
}

/** A whole answer of a model. */
export interface Answer {
  readonly content: readonly AnswerPart[];
  /** The text, as the events have it: without secrets of the server. */
  readonly text: string;
  readonly calls: readonly AnswerCall[];
  /** `stop`, `length`, `content-filter`, `tool-calls`, `other`; undefined if the stream ended without one. */
  readonly finishReason: string | undefined;
  /** What the provider reported. */
  readonly usage: ReportedUsage;
  /** Characters that the model wrote; the basis of an estimate if the provider reports no usage. */
  readonly characters: number;
}

/** Adds the provider's metadata to a part, if there is any: the provider wants it back with the next request. */
export const withMetadata = (metadata: SharedV4ProviderMetadata | undefined) =>
  metadata === undefined ? {} : { providerOptions: metadata };
