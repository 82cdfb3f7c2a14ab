const BYTE_ORDER_MARKS: [bytes: number[], encoding: string][] = [
  [[0xef, 0xbb, 0xbf], 'utf-8'],
  [[0xfe, 0xff], 'utf-16be'],
  [[0xff, 0xfe], 'utf-16le'],
];

/**
 * Decodes a body by its byte order mark, or else by the charset of its content type (Encoding Standard, section 6), or
 * else as UTF-8. An unknown charset counts as UTF-8.
 */
export function decodeText(bytes: Uint8Array, contentType: string | undefined): string {
  const mark = BYTE_ORDER_MARKS.find(([start]) => start.every((byte, index) => bytes[index] === byte))?.[1];
  return new TextDecoder(mark ?? charsetOf(contentType)).decode(bytes);
}

function charsetOf(contentType: string | undefined): string {
  const label = /;\s*charset\s*=\s*"?([^\s";,]+)/i.exec(contentType ?? '')?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return 'utf-8';
  }
}
