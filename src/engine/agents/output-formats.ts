import type { LanguageModelV4CallOptions, LanguageModelV4Prompt } from '@ai-sdk/provider';
import { Inject, Injectable } from '@nestjs/common';
import { Json } from '@cloutagent/contract';
import { z } from 'zod';
import { Settings } from '../../config/settings.js';
import type { ConfigCheck, ConfigProblem } from '../extension/node-handler.js';
import type { ShapeLimits } from '../extension/output-shape.js';
import { JsonSchemas } from '../nodes/json-schemas.js';
import { closedSchema } from './closed-schema.js';
import { findJsonObject } from './json-answer.js';

/** `output` of an agent. */
export const OutputConfig = z.strictObject({
  /** The JSON Schema of the output, which is an object. */
  schema: z
    .record(z.string(), Json, 'must be a JSON Schema, such as { "type": "object", … }')
    .refine(
      (schema) => schema['type'] === 'object',
      'must be a JSON Schema with "type": "object": put another value into a member of the object',
    ),
});
export type OutputConfig = z.infer<typeof OutputConfig>;

/** The length of a problem, in characters. It is a part of the next prompt. */
const MAX_PROBLEM_LENGTH = 2_000;
const MAX_ITEM_LENGTH = 300;

/** Structured output: asks for it, reads it and checks it. */
@Injectable()
export class OutputFormats {
  constructor(
    private readonly schemas: JsonSchemas,
    @Inject(Settings) private readonly limits: ShapeLimits,
  ) {}

  /** Checks the schema of a posted config. The paths begin inside `output`. */
  async check({ schema }: OutputConfig, check: ConfigCheck): Promise<ConfigProblem[]> {
    const problems = await this.schemas.check(schema, check);
    return problems.map((problem) => ({ ...problem, path: ['schema', ...problem.path] }));
  }

  /** Returns what is sent to the provider. The objects of this schema allow no members that it does not name. */
  responseFormat({ schema }: OutputConfig): NonNullable<LanguageModelV4CallOptions['responseFormat']> {
    return { type: 'json', name: 'output', schema: closedSchema(schema) };
  }

  /**
   * Adds the schema to a prompt, for models whose provider accepts no schema. It stands after the messages of the role system
   * that begin the prompt.
   */
  withInstructions(prompt: LanguageModelV4Prompt, { schema }: OutputConfig): LanguageModelV4Prompt {
    const content = `JSON schema:\n${JSON.stringify(schema)}\nAnswer with only a JSON object that fits this JSON schema, and no other text.`;
    const start = prompt.findIndex(({ role }) => role !== 'system');
    const at = start < 0 ? prompt.length : start;
    return [...prompt.slice(0, at), { role: 'system', content }, ...prompt.slice(at)];
  }

  /**
   * Reads the answer of a model.
   * @returns the output, or the problem in sentences for the model, of at most 2,000 characters
   * @throws NodeError `output_invalid` if the schema cannot be used, or needs more than CHECK_TIMEOUT_MS for this answer: another
   *   answer would cost more and not help. The reason of `signal`
   */
  async read(
    text: string,
    { schema }: OutputConfig,
    projectId: string,
    signal: AbortSignal,
  ): Promise<{ output: Json } | { problem: string }> {
    const found = findJsonObject(text, this.limits);
    if ('problem' in found) return { problem: found.problem };
    const problems = await this.schemas.validateOutput(projectId, schema, found.object, signal);
    return problems.length === 0 ? { output: found.object } : { problem: describe(problems) };
  }
}

function describe(problems: readonly { path: string; message: string }[]): string {
  const start = 'The answer does not fit the JSON schema:';
  const end = '.';
  const more = '; and more';
  let list = '';
  for (const { path, message } of problems) {
    const item = ` ${shortened(path || 'the object', 150)} ${shortened(message, MAX_ITEM_LENGTH)}`;
    if (start.length + list.length + item.length + more.length + end.length > MAX_PROBLEM_LENGTH)
      return `${start}${list}${more}${end}`;
    list += `${list === '' ? '' : ';'}${item}`;
  }
  return `${start}${list}${end}`;
}

const shortened = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length).toWellFormed()}…` : text;
