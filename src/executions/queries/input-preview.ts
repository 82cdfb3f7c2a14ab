const MAX_LENGTH = 200;

/** Characters of an input's JSON that `previewOf` needs: as an escape, one character takes up to six. */
export const INPUT_READ = 6 * MAX_LENGTH + 1;

/** Matches the beginning of a JSON string up to its last complete character (RFC 8259, section 7). */
const STRING_BEGINNING = /^"(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/;

/**
 * Returns the beginning of an input on one line, up to 200 characters: a string as text, any other value as JSON.
 * @param json the input's JSON, or its first characters when there are more than `INPUT_READ`
 */
export function previewOf(json: string): string {
  const line = textOf(json).replaceAll(/\s+/g, ' ').trim();
  const characters = Array.from(line);
  const isComplete = characters.length <= MAX_LENGTH && Array.from(json).length <= INPUT_READ;
  return isComplete ? line : `${characters.slice(0, MAX_LENGTH - 1).join('')}…`;
}

function textOf(json: string): string {
  if (json === 'null') return '';
  const [beginning] = STRING_BEGINNING.exec(json) ?? [];
  return beginning === undefined ? json : (JSON.parse(`${beginning}"`) as string);
}
