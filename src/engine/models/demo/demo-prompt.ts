import type { LanguageModelV4FilePart, LanguageModelV4Prompt } from '@ai-sdk/provider';

type Part = Exclude<LanguageModelV4Prompt[number]['content'], string>[number];

/** What the demo model reads in a prompt. */
export interface DemoPrompt {
  /** All of it as text, with a description in place of each file. */
  readonly text: string;
  /** The text of the newest message of a person. */
  readonly question: string;
  /** A description of each file. */
  readonly files: readonly string[];
  /** How many messages have results of tools. */
  readonly toolMessages: number;
}

/** Reads a prompt. */
export function readPrompt(prompt: LanguageModelV4Prompt): DemoPrompt {
  const lastUser = prompt.findLast(({ role }) => role === 'user');
  const question = lastUser && lastUser.role === 'user' ? lastUser.content : [];
  const texts = prompt.flatMap(({ content }) =>
    typeof content === 'string' ? [content] : content.map(partText),
  );
  return {
    text: texts.join('\n'),
    question: question.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n'),
    files: prompt.flatMap(({ content }) =>
      typeof content === 'string'
        ? []
        : content.flatMap((part) => (part.type === 'file' ? [fileText(part)] : [])),
    ),
    toolMessages: prompt.filter(({ role }) => role === 'tool').length,
  };
}

function partText(part: Part): string {
  if (part.type === 'file') return fileText(part);
  return 'text' in part ? part.text : JSON.stringify(part);
}

/** Describes a file as `cat.png (image/png, 70 bytes)`. */
function fileText({ filename, mediaType, data }: LanguageModelV4FilePart): string {
  const name = filename ?? 'a file';
  switch (data.type) {
    case 'data': {
      const bytes = typeof data.data === 'string' ? Buffer.byteLength(data.data, 'base64') : data.data.length;
      return `${name} (${mediaType}, ${bytes} bytes)`;
    }
    case 'text':
      return `${name} (${mediaType}, ${Buffer.byteLength(data.text)} bytes)`;
    default:
      return `${name} (${mediaType}, by reference)`;
  }
}
