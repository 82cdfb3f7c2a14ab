import type { Json } from '@cloutagent/contract';
import { inputError } from './input-error.js';

export type Members = { readonly [name: string]: Json | undefined };

export const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The longest name of a file that a message may have. */
const MAX_FILENAME_LENGTH = 255;
const DATA_URL_TYPE = /^data:([^;,]+)[;,]/;

/**
 * Translates the content of a message of the user: text, or parts of the Responses API (`input_text`, `input_image`, `input_file`)
 * or of chat completions (`text`, `image_url`, `file`). Empty texts are left out, because models refuse them.
 * @returns parts in the AI SDK's form
 * @throws ValidationFailedError
 */
export function userParts(content: Json | undefined, path: string): Json[] {
  if (typeof content === 'string') return textParts(content);
  return partsOf(content, path).flatMap(([part, at]) => userPart(part, at));
}

/**
 * Translates the text of a message of the assistant or of a system message. Refusals are text too.
 * @throws ValidationFailedError
 */
export function textsOf(content: Json | undefined, path: string): string[] {
  if (content === undefined || content === null) return [];
  if (typeof content === 'string') return content === '' ? [] : [content];
  return partsOf(content, path).flatMap(([part, at]) => {
    const text = part['type'] === 'refusal' ? part['refusal'] : part['text'];
    if (typeof text !== 'string') throw inputError(at, 'must have text');
    return text === '' ? [] : [text];
  });
}

/** Returns the parts of a content with their paths. */
function partsOf(content: Json | undefined, path: string): [part: Members, path: string][] {
  if (!Array.isArray(content)) throw inputError(path, 'must be text or a list of parts');
  return content.map((part, index) => {
    const at = `${path}[${index}]`;
    if (!isObject(part)) throw inputError(at, 'must be an object with the member type');
    return [part, at];
  });
}

function userPart(part: Members, path: string): Json[] {
  switch (part['type']) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return textParts(textIn(part, 'text', path));
    case 'input_image':
      return [imagePart(part, 'image_url', path)];
    case 'image_url': {
      const image = part['image_url'];
      return [imagePart(isObject(image) ? image : part, isObject(image) ? 'url' : 'image_url', path)];
    }
    case 'input_file':
      return [filePart(part, path)];
    case 'file':
      return [filePart(isObject(part['file']) ? part['file'] : part, `${path}.file`)];
    default:
      throw inputError(
        `${path}.type`,
        'must be input_text, input_image or input_file; in chat completions text, image_url or file',
      );
  }
}

const textParts = (text: string): Json[] => (text === '' ? [] : [{ type: 'text', text }]);

function imagePart(part: Members, member: string, path: string): Json {
  refuseFileId(part, path);
  return { type: 'image', image: textIn(part, member, path) };
}

function filePart(part: Members, path: string): Json {
  refuseFileId(part, path);
  const isData = part['file_data'] !== undefined && part['file_data'] !== null;
  const data = textIn(part, isData ? 'file_data' : 'file_url', path);
  const filename = part['filename'];
  const [, mediaType] = DATA_URL_TYPE.exec(data) ?? [];
  return {
    type: 'file',
    data,
    // Files that name no type are documents, as those of OpenAI are.
    mediaType: mediaType ?? typeOfName(typeof filename === 'string' ? filename : data),
    ...(typeof filename === 'string' &&
      filename !== '' && { filename: filename.slice(0, MAX_FILENAME_LENGTH) }),
  };
}

const typeOfName = (name: string): string =>
  /\.(txt|md|csv|log)$/i.test(name) ? 'text/plain' : 'application/pdf';

function refuseFileId(part: Members, path: string): void {
  const { file_id: fileId } = part;
  if (fileId === undefined || fileId === null) return;
  throw inputError(
    `${path}.file_id`,
    'is not supported, because this server stores no files: send a URL or the data',
  );
}

function textIn(part: Members, member: string, path: string): string {
  const text = part[member];
  if (typeof text === 'string') return text;
  throw inputError(`${path}.${member}`, 'must be text');
}
