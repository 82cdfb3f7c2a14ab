const LENGTH = 200;

/** Characters of an input's JSON that `previewOf` needs: one character takes up to six, as an escape. */
export const INPUT_READ = 6 * LENGTH + 1;

/** As much of a JSON string as is whole (RFC 8259, section 7). */
const STRING_BEGINNING = /^"(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/;

/**
 * Returns the beginning of an input on one line, up to 200 characters: a text as it is, anything else as JSON.
 * @param json the input's JSON, or its first characters when there are more than `INPUT_READ`
 */
export function previewOf(json: string): string {
  const line = textOf(json).replaceAll(/\s+/g, ' ').trim();
  const characters = Array.from(line);
  const isWhole = characters.length <= LENGTH && Array.from(json).length <= INPUT_READ;
  return isWhole ? line : `${characters.slice(0, LENGTH - 1).join('')}…`;
}

function textOf(json: string): string {
  if (json === 'null') return '';
  const [beginning] = STRING_BEGINNING.exec(json) ?? [];
  return beginning === undefined ? json : (JSON.parse(`${beginning}"`) as string);
}
