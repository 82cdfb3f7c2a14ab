/** Makes a text that PostgreSQL can store: it refuses U+0000 and halves of surrogate pairs. */
export const storableText = (text: string): string => text.toWellFormed().replaceAll('\0', '\uFFFD');
