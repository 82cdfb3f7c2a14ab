import type {
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolResultOutput,
  LanguageModelV4ToolResultPart,
} from '@ai-sdk/provider';
import { Inject, Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { NodeError, type NodeRun } from '../extension/node-handler.js';
import { RestrictedHttpClient } from '../http/restricted-http-client.js';
import { fileInvalid, FileLoader, type FileLimits } from './file-loader.js';
import type { FilePart, FileSource, ToolResultPart } from './message-parts.js';
import { conversationProblems, type Message, type Messages } from './messages.js';

type ToolOutput = ToolResultPart['output'];
type Part = Exclude<Message['content'], string>[number];

/** Makes the prompt of a conversation, and loads its images and files. */
@Injectable()
export class MessageFiles {
  constructor(
    private readonly http: RestrictedHttpClient,
    @Inject(Settings) private readonly settings: FileLimits,
  ) {}

  /**
   * Makes the prompt for the model. Files by URL are loaded through the restricted client, within MAX_MESSAGE_FILES,
   * MESSAGE_FILE_MAX_BYTES and MESSAGE_FILES_MAX_BYTES. A URL is never given to the provider, which would load it outside of the
   * rules of this server.
   * @throws NodeError `message_file_invalid`, whose message names the part, such as messages.3.content.1; NodeError and
   *   TransientError of the restricted client; NodeError `invalid_config`; the reason of `signal`
   */
  async prompt(
    messages: Messages,
    { signal, redact }: Pick<NodeRun<unknown>, 'signal' | 'redact'>,
  ): Promise<LanguageModelV4Prompt> {
    const [problem] = conversationProblems(messages);
    if (problem)
      throw new NodeError(
        'invalid_config',
        `The config is not valid: messages.${problem.path.join('.')} ${problem.message}.`,
      );
    const { MAX_MESSAGE_FILES: maxFiles } = this.settings;
    const files = messages.reduce((sum, message) => sum + filesIn(message), 0);
    if (files > maxFiles)
      throw fileInvalid('messages', `have ${files} files; the limit is ${maxFiles} (MAX_MESSAGE_FILES)`);
    const stop = new AbortController();
    const loader = new FileLoader(this.http, this.settings, AbortSignal.any([signal, stop.signal]), (text) =>
      redact(text),
    );
    try {
      const made = messages.map((message, index) => toMessage(message, `messages.${index}`, loader));
      return withoutRepeatedTools(await Promise.all(made));
    } finally {
      // After a failure the other files are not needed.
      stop.abort();
    }
  }
}

/** Loads the package that knows media types, which only conversations with files need. */
const mediaTypes = () => import('./media-types.js');

const filesIn = ({ content }: Message): number =>
  typeof content === 'string' ? 0 : content.reduce((sum, part) => sum + filesOf(part), 0);

function filesOf(part: Part): number {
  if (part.type === 'image' || part.type === 'file') return 1;
  if (part.type !== 'tool-result' || part.output.type !== 'content') return 0;
  return part.output.value.filter(({ type }) => type === 'file').length;
}

async function toMessage(
  { role, content, providerOptions }: Message,
  place: string,
  loader: FileLoader,
): Promise<LanguageModelV4Message> {
  const options = providerOptions && { providerOptions };
  if (role === 'system') return { role, content, ...options };
  const parts =
    typeof content === 'string'
      ? [{ type: 'text' as const, text: content }]
      : await Promise.all(content.map((part, index) => toPart(part, `${place}.content.${index}`, loader)));
  // The schema of each role has only parts that the message may have.
  return { role, content: parts as never, ...options };
}

async function toPart(part: Part, place: string, loader: FileLoader): Promise<object> {
  const { providerOptions } = part;
  const options = providerOptions && { providerOptions };
  switch (part.type) {
    case 'text':
    case 'reasoning':
      return { type: part.type, text: part.text, ...options };
    case 'image': {
      const { bytes, mediaType: sent } = await loader.read(part.image, place);
      const { imageType } = await mediaTypes();
      const mediaType = orFail(imageType({ bytes, given: part.mediaType, sent }), place);
      return { type: 'file', data: { type: 'data', data: bytes }, mediaType, ...options };
    }
    case 'file':
      return toFile(part, place, loader);
    case 'tool-call': {
      const { type, toolCallId, toolName, input, providerExecuted } = part;
      return { type, toolCallId, toolName, input, ...(providerExecuted && { providerExecuted }), ...options };
    }
    case 'tool-result': {
      const { type, toolCallId, toolName } = part;
      const output = await toOutput(part.output, `${place}.output`, loader);
      return { type, toolCallId, toolName, output, ...options } satisfies LanguageModelV4ToolResultPart;
    }
  }
}

async function toFile(
  { data, mediaType: given, filename, providerOptions }: FilePart,
  place: string,
  loader: FileLoader,
): Promise<LanguageModelV4FilePart> {
  const more = { ...(filename !== undefined && { filename }), ...(providerOptions && { providerOptions }) };
  if (typeof data !== 'string' && (data.type === 'text' || data.type === 'reference'))
    return { type: 'file', data, mediaType: given, ...more };
  const { bytes, mediaType: sent } = await loader.read(textOf(data), place);
  const { fileType } = await mediaTypes();
  const mediaType = orFail(fileType({ bytes, given, sent }), place);
  return { type: 'file', data: { type: 'data', data: bytes }, mediaType, ...more };
}

const textOf = (data: Exclude<FileSource, { type: 'text' | 'reference' }>): string => {
  if (typeof data === 'string') return data;
  return data.type === 'url' ? data.url : data.data;
};

async function toOutput(
  output: ToolOutput,
  place: string,
  loader: FileLoader,
): Promise<LanguageModelV4ToolResultOutput> {
  if (output.type !== 'content') return withoutUndefined(output) as LanguageModelV4ToolResultOutput;
  const value = output.value.map(async (part, index) => {
    if (part.type === 'text') return withoutUndefined(part);
    const file = await toFile(part, `${place}.value.${index}`, loader);
    // Results of tools become JSON in several places, where bytes would be an object with a member for each byte.
    return file.data.type === 'data' && typeof file.data.data !== 'string'
      ? { ...file, data: { type: 'data', data: Buffer.from(file.data.data).toString('base64') } }
      : file;
  });
  return { type: 'content', value: (await Promise.all(value)) as never };
}

const withoutUndefined = (part: object): object =>
  Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined));

function orFail(type: string | { problem: string }, place: string): string {
  if (typeof type === 'string') return type;
  throw fileInvalid(place, type.problem);
}

/** Joins messages of the role tool that follow each other: providers want all results of an answer in one message. */
function withoutRepeatedTools(messages: readonly LanguageModelV4Message[]): LanguageModelV4Prompt {
  const joined: LanguageModelV4Prompt = [];
  for (const message of messages) {
    const last = joined.at(-1);
    if (message.role === 'tool' && last?.role === 'tool')
      joined[joined.length - 1] = { ...last, content: [...last.content, ...message.content] };
    else joined.push(message);
  }
  return joined;
}
