import { urlProblem } from '../http/request-url.js';

/** What the text of a file or an image means: an address, or the bytes themselves. */
export type FileData =
  { readonly url: string } | { readonly bytes: Buffer; readonly mediaType: string | undefined };

const DATA_URL = /^data:([^,]*),(.*)$/is;
const SCHEME = /^[a-z][a-z0-9+.-]*:/i;
/** Both alphabets of base64 (RFC 4648, sections 4 and 5), with or without padding. */
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/**
 * Reads the text of a file or an image: a URL with http or https, a data URL, or base64.
 * @returns the data, or the problem as the rest of a sentence that begins with the place of the text
 */
export function readFileData(text: string): FileData | { readonly problem: string } {
  const dataUrl = DATA_URL.exec(text);
  if (dataUrl) return readDataUrl(dataUrl[1]!, dataUrl[2]!);
  if (/^data:/i.test(text)) return { problem: 'is a data URL without a comma before its data' };
  if (SCHEME.test(text)) {
    const problem = urlProblem(text);
    return problem === undefined ? { url: text } : { problem: `cannot be loaded: ${problem}` };
  }
  return readBase64(text, undefined, 'is neither a URL such as https://example.com/cat.png nor valid base64');
}

function readDataUrl(parameters: string, data: string): FileData | { problem: string } {
  const [type = '', ...others] = parameters.split(';').map((part) => part.trim().toLowerCase());
  const mediaType = type === '' ? undefined : type;
  let plain: string;
  try {
    plain = decodeURIComponent(data);
  } catch {
    return { problem: 'is a data URL with a percent sign that begins no valid encoding' };
  }
  if (others.at(-1) === 'base64') return readBase64(plain, mediaType, 'is a data URL without valid base64');
  return plain === '' ? { problem: 'has no data' } : { bytes: Buffer.from(plain), mediaType };
}

function readBase64(
  text: string,
  mediaType: string | undefined,
  problem: string,
): FileData | { problem: string } {
  const digits = text.replace(/[\t\n\f\r ]/g, '');
  if (digits === '') return { problem: 'has no data' };
  if (!BASE64.test(digits) || digits.replace(/=+$/, '').length % 4 === 1) return { problem };
  return { bytes: Buffer.from(digits, 'base64'), mediaType };
}
