import { detectMediaType, getTopLevelMediaType, isFullMediaType } from '@ai-sdk/provider-utils';

/** Where the media type of a file may be named. */
export interface MediaTypeSources {
  readonly bytes: Uint8Array;
  /** What the message names. For a file it may be only its first word, such as `image`. */
  readonly given: string | undefined;
  /** What the response or the data URL names. */
  readonly sent: string | undefined;
}

/** Types that are known by the first bytes of a file. */
const DETECTED = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/bmp',
  'image/tiff',
  'image/avif',
  'image/heic',
  'application/pdf',
]);

/**
 * Finds the media type of an image. What the bytes say wins, because providers refuse an image under a wrong type.
 * @returns the type, or the problem as the rest of a sentence
 */
export function imageType({ bytes, given, sent }: MediaTypeSources): string | { problem: string } {
  const detected = detectMediaType({ data: bytes });
  if (detected?.startsWith('image/')) return detected;
  const named = [given, sent].map(plainType).filter((type) => type !== undefined);
  const image = named.find((type) => type.startsWith('image/') && isFullMediaType(type));
  if (detected === undefined && image !== undefined && !DETECTED.has(image)) return image;
  const found = detected ?? named.find(isFullMediaType);
  return {
    problem: `is not an image that can be read${found === undefined ? '' : `: it was sent as ${found}`}. Use PNG, JPEG, GIF or WebP`,
  };
}

/** Finds the media type of a file, as `imageType` does. */
export function fileType({ bytes, given, sent }: MediaTypeSources): string | { problem: string } {
  const type = plainType(given) ?? '';
  const first = getTopLevelMediaType(type);
  if (first === 'image') return imageType({ bytes, given, sent });
  const detected = detectMediaType({ data: bytes, topLevelType: first });
  if (isFullMediaType(type))
    return DETECTED.has(type) && detected === undefined
      ? { problem: `is not ${type}, although its mediaType says so` }
      : type;
  const sentType = plainType(sent);
  const named = sentType && getTopLevelMediaType(sentType) === first && isFullMediaType(sentType);
  if (named) return sentType;
  if (detected !== undefined) return detected;
  return first === 'text'
    ? 'text/plain'
    : { problem: `has an unknown media type: write a whole one in mediaType, such as ${first}/…` };
}

/** Removes the parameters of a media type, and its upper case. */
function plainType(text: string | undefined): string | undefined {
  const type = text?.split(';', 1)[0]!.trim().toLowerCase();
  if (type === undefined || type === '') return undefined;
  return type === 'image/jpg' ? 'image/jpeg' : type;
}
