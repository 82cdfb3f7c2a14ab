import type { Json } from './json.js';

/** A file inside a JSON value, as tools return images: `{ type: "image", data: "<base64>", mimeType: "image/png" }`. */
export interface EmbeddedFile {
  /** As the value says; not checked. At most 100 characters. */
  readonly mediaType: string;
  /** Size of the decoded file. */
  readonly bytes: number;
  readonly base64: string;
}

/** Shorter data stays text: it hides nothing, and may be no file. */
const MIN_LENGTH = 100;
const MAX_MEDIA_TYPE_LENGTH = 100;
const DATA_URL = /^data:([^;,]{1,100})(?:;[^;,]{0,100}){0,4};base64,/;

/**
 * Replaces each file in a value by a short text such as "12 KB of image/png". Files are base64 in the member `data` or
 * `blob` of an object with `mimeType` or `mediaType`, and data URLs. Takes time proportional to the size of the value.
 * @returns the value itself if it has no files
 */
export function separateFiles(value: Json): {
  readonly value: Json;
  readonly files: readonly EmbeddedFile[];
} {
  const files: EmbeddedFile[] = [];
  const replace = (base64: string, mediaType: string): string => {
    const file = { mediaType: mediaType.slice(0, MAX_MEDIA_TYPE_LENGTH), bytes: bytesOf(base64), base64 };
    files.push(file);
    return describeFile(file);
  };
  const read = (part: Json): Json => {
    if (typeof part === 'string') {
      const [start, mediaType] = part.length < MIN_LENGTH ? [] : (DATA_URL.exec(part) ?? []);
      if (start === undefined || mediaType === undefined) return part;
      const base64 = part.slice(start.length);
      return isBase64(base64) ? replace(base64, mediaType) : part;
    }
    if (typeof part !== 'object' || part === null) return part;
    if (Array.isArray(part)) {
      const items = part.map(read);
      return items.some((item, index) => item !== part[index]) ? items : part;
    }
    const mediaType = own(part, 'mimeType') ?? own(part, 'mediaType');
    let changed = false;
    const members = Object.entries(part).map(([name, member]): [string, Json] => {
      const isFile = typeof mediaType === 'string' && (name === 'data' || name === 'blob');
      const after =
        isFile && typeof member === 'string' && isBase64(member) ? replace(member, mediaType) : read(member);
      changed ||= after !== member;
      return [name, after];
    });
    return changed ? Object.fromEntries(members) : part;
  };
  return { value: read(value), files };
}

/** "12 KB of image/png". */
export const describeFile = ({ bytes, mediaType }: Pick<EmbeddedFile, 'bytes' | 'mediaType'>): string =>
  `${sizeOf(bytes)} of ${mediaType}`;

function sizeOf(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  return bytes < 999_500 ? `${Math.round(bytes / 1_000)} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

const own = (members: { readonly [name: string]: Json }, name: string): Json | undefined =>
  Object.hasOwn(members, name) ? members[name] : undefined;

function isBase64(text: string): boolean {
  if (text.length < MIN_LENGTH || /[^A-Za-z0-9+/=]/.test(text)) return false;
  const padding = text.indexOf('=');
  return padding === -1 || (text.length % 4 === 0 && padding >= text.length - 2);
}

const bytesOf = (base64: string): number => Math.floor((base64.replace(/=+$/, '').length * 3) / 4);
