import { Injectable } from '@nestjs/common';
import type { LanguageModelV4CallOptions } from '@ai-sdk/provider';
import { Json } from '@cloutagent/contract';
import { z } from 'zod';
import type { ConfigCheck, ConfigProblem } from '../extension/node-handler.js';

/** `output` of an agent. */
export const OutputConfig = z.strictObject({ schema: z.record(z.string(), Json) });
export type OutputConfig = z.infer<typeof OutputConfig>;

/** Structured output: asks for it, reads it and checks it. */
@Injectable()
export class OutputFormats {
  /** Checks the schema of a posted config. The paths begin inside `output`. */
  check(_output: OutputConfig, _check: ConfigCheck): ConfigProblem[] | Promise<ConfigProblem[]> {
    return [];
  }

  /** Returns what is sent to the provider. */
  responseFormat({ schema }: OutputConfig): NonNullable<LanguageModelV4CallOptions['responseFormat']> {
    return { type: 'json', schema: schema as never };
  }

  /**
   * Reads the answer of a model.
   * @returns the output, or the problem in sentences for the model
   * @throws the reason of `signal`
   */
  read(
    text: string,
    _output: OutputConfig,
    _projectId: string,
    _signal: AbortSignal,
  ): Promise<{ output: Json } | { problem: string }> {
    return Promise.resolve({ output: text });
  }
}
