import type { CallToolResult } from '@modelcontextprotocol/client';
import type { Json } from '@cloutagent/contract';
import type { Settings } from '../../config/settings.js';
import { checkShape } from '../extension/output-shape.js';
import { NodeError } from '../extension/node-handler.js';
import type { ToolOutput } from '../tools/agent-tool.js';

export type ResultLimits = Pick<Settings, 'OUTPUT_MAX_BYTES' | 'OUTPUT_MAX_DEPTH' | 'OUTPUT_MAX_PARTS'>;

type Part = NonNullable<ToolOutput['content']>[number];
type Block = CallToolResult['content'][number];

/** The images that model providers accept. */
const IMAGES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Makes the output of a call from the result of an MCP server. `structuredContent` is the result if there are no images,
 * because its text form only repeats it. Otherwise text alone becomes one text, and a result with other parts becomes a list
 * that describes them; the model gets the images themselves.
 * @throws NodeError `output_too_large`, `output_too_deep`: the message is for the model
 */
export function toOutput(result: CallToolResult, limits: ResultLimits): ToolOutput {
  const blocks = result.content ?? [];
  const isError = result.isError === true;
  const parts = blocks.map((block) => partOf(block));
  const structured = result.structuredContent as Json | undefined;
  const hasImages = !isError && parts.some(({ part }) => part.type === 'file');
  const output: ToolOutput = { result: summary(parts, structured, hasImages), isError };
  const complete =
    hasImages && structured !== undefined && !parts.some(({ part }) => part.type === 'text')
      ? [{ type: 'text' as const, text: JSON.stringify(structured) }, ...parts.map(({ part }) => part)]
      : parts.map(({ part }) => part);
  const whole: ToolOutput = hasImages ? { ...output, content: complete } : output;
  checkSize(whole, limits);
  return whole;
}

/** What a part is for the model, and how the event describes it. */
interface ResultPart {
  readonly part: Part;
  readonly shown: Json;
}

function summary(parts: readonly ResultPart[], structured: Json | undefined, hasImages: boolean): Json {
  if (structured !== undefined && !hasImages) return structured;
  const texts = parts.map(({ shown }) => shown);
  if (texts.every((text) => typeof text === 'string')) return texts.join('\n');
  return [...(structured === undefined ? [] : [structured]), ...texts];
}

function partOf(block: Block): ResultPart {
  switch (block.type) {
    case 'text':
      return text(block.text);
    case 'image':
      return file('image', block.mimeType, block.data);
    case 'audio':
      return file('audio', block.mimeType, block.data);
    case 'resource_link': {
      const { uri, name, description, mimeType } = block;
      const details = [mimeType, description].filter((each) => each !== undefined && each !== '');
      return text(
        `Link to the resource ${name}: ${uri}${details.length > 0 ? ` (${details.join('; ')})` : ''}`,
      );
    }
    case 'resource': {
      const { resource } = block;
      if ('text' in resource) return text(`Resource ${resource.uri}:\n${resource.text}`);
      return file('resource', resource.mimeType ?? 'application/octet-stream', resource.blob, resource.uri);
    }
    default:
      return text('A part of a kind that this server does not know is left out.');
  }
}

const text = (value: string): ResultPart => {
  const clean = value.toWellFormed();
  return { part: { type: 'text', text: clean }, shown: clean };
};

function file(kind: string, type: string, data: string, uri?: string): ResultPart {
  const mediaType = type.split(';')[0]!.trim().toLowerCase().slice(0, 100);
  const bytes = Math.floor((data.length * 3) / 4);
  const named = uri === undefined ? '' : ` ${uri}`;
  if (!BASE64.test(data)) return text(`The ${kind}${named} is left out: it is not valid base64.`);
  if (!IMAGES.has(mediaType))
    return text(
      `The ${kind}${named} (${mediaType}, ${bytes} bytes) is left out: models cannot read it here.`,
    );
  return {
    part: { type: 'file', data: { type: 'data', data }, mediaType },
    shown: { type: 'image', mediaType, bytes, ...(uri !== undefined && { uri }) },
  };
}

function checkSize(output: ToolOutput, limits: ResultLimits): void {
  let json: Buffer;
  try {
    json = Buffer.from(JSON.stringify(output));
  } catch {
    throw new NodeError('output_too_deep', 'The result is nested too deep. Ask for flatter data.');
  }
  if (json.length > limits.OUTPUT_MAX_BYTES)
    throw new NodeError(
      'output_too_large',
      `The result has ${json.length} bytes; the limit is ${limits.OUTPUT_MAX_BYTES} (OUTPUT_MAX_BYTES). Ask for less data.`,
    );
  checkShape(json, limits);
}
