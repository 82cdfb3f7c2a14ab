/** One form in which the value of a secret may appear in a text. */
export interface Form {
  readonly text: string;
  /** Whether it may stand in a JSON string as it is: replaced there, it leaves valid JSON. */
  readonly fitsJson: boolean;
  /** Whether the value determines some bits of the character before and after it, as in the middle of a base64 text. */
  readonly bitsBefore: boolean;
  readonly bitsAfter: boolean;
}

type Encoder = (text: string) => string;

/**
 * Returns the forms in which programs write a value: as it is, percent-encoded, as a JSON string and as one in another JSON
 * string, with HTML entities, in base64 and base64url at each of the three positions, and in hex. Each encoding has the
 * variants of the common libraries.
 * @param value well-formed Unicode
 */
export function formsOf(value: string): Form[] {
  const bytes = Buffer.from(value);
  const texts = new Set<string>();
  for (const text of [value, ...HTML.map((encode) => encode(value))])
    for (const each of inJson(text)) texts.add(each);
  for (const text of percentEncoded(value)) for (const each of inJson(text)) texts.add(each);
  const hex = bytes.toString('hex');
  texts.add(hex).add(hex.toUpperCase());
  const forms = [...texts].map((text) => form(text, false, false));
  const known = new Set(texts);
  for (const offset of [0, 1, 2]) {
    const { text, bitsBefore, bitsAfter } = base64At(bytes, offset);
    for (const each of base64Variants(text))
      if (!known.has(each)) {
        known.add(each);
        forms.push(form(each, bitsBefore, bitsAfter));
      }
  }
  return forms;
}

const form = (text: string, bitsBefore: boolean, bitsAfter: boolean): Form => ({
  text,
  fitsJson: isJsonContent(text),
  bitsBefore,
  bitsAfter,
});

function isJsonContent(text: string): boolean {
  try {
    return typeof JSON.parse(`"${text}"`) === 'string';
  } catch {
    return false;
  }
}

const escapeUnits = (pattern: RegExp, isUpper: boolean): Encoder => {
  const escape = (unit: string) => {
    const hex = unit.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\u${isUpper ? hex.toUpperCase() : hex}`;
  };
  return (text) => text.replace(pattern, escape);
};
// Without the flag u, so that each half of a surrogate pair is escaped, as in JSON.
const NOT_ASCII = /[\u0080-\uffff]/g;
const slashed: Encoder = (text) => text.replaceAll('/', '\\/');
const ascii = escapeUnits(NOT_ASCII, false);
const stringify: Encoder = (text) => JSON.stringify(text).slice(1, -1);
const goSafe = escapeUnits(/[<>&\u2028\u2029]/g, false);
const lineEnds = escapeUnits(/[\u0085\u2028\u2029]/g, false);
const netSafe = escapeUnits(/[<>&'+`\u0080-\uffff]/g, true);

/** The content of a JSON string, as JavaScript, Python, PHP, Go and .NET write it. */
const JSON_ENCODERS: readonly Encoder[] = [
  stringify,
  (text) => slashed(stringify(text)),
  (text) => ascii(stringify(text)),
  (text) => escapeUnits(NOT_ASCII, true)(stringify(text)),
  (text) => ascii(slashed(stringify(text))),
  (text) => goSafe(stringify(text)),
  // The journal of this server.
  (text) => lineEnds(stringify(text)),
  (text) => netSafe(stringify(text).replaceAll('\\"', '\\u0022')),
];

/** Returns a text as it is, in JSON, and in JSON in JSON. An event is JSON itself, so what is JSON in JSON there has a third level. */
function inJson(text: string): Set<string> {
  const all = new Set([text]);
  for (const encode of JSON_ENCODERS) {
    const once = encode(text);
    const twice = [stringify(once), encode(once)];
    for (const each of [once, ...twice, ...twice.map(stringify), encode(twice[1]!)]) all.add(each);
  }
  return all;
}

const percent: Encoder = (character) =>
  `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
const strict: Encoder = (text) => encodeURIComponent(text).replace(/[!'()*]/g, percent);

const PERCENT_ENCODERS: readonly Encoder[] = [
  encodeURIComponent,
  encodeURI,
  strict,
  (text) => strict(text).replaceAll('~', '%7E'),
  (text) => strict(text).replaceAll('%2F', '/'),
  // The encoding of forms, which writes a space as a plus sign.
  (text) => new URLSearchParams([['', text]]).toString().slice(1),
  (text) => strict(text).replaceAll('%20', '+'),
  (text) => encodeURIComponent(encodeURIComponent(text)),
];

/** Returns a text percent-encoded by each encoder, with upper and lower case digits. */
function percentEncoded(text: string): string[] {
  return PERCENT_ENCODERS.flatMap((encode) => {
    const encoded = encode(text);
    return [encoded, lowerDigits(encoded)];
  });
}

const lowerDigits: Encoder = (text) => text.replace(/%[0-9A-F]{2}/g, (digits) => digits.toLowerCase());

const withEntities = (entities: Readonly<Record<string, string>>): Encoder => {
  const pattern = new RegExp(`[${Object.keys(entities).join('')}]`, 'g');
  return (text) => text.replace(pattern, (character) => entities[character]!);
};
const BASIC = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
const HTML: readonly Encoder[] = [
  withEntities(BASIC),
  withEntities({ ...BASIC, '"': '&quot;' }),
  ...['&#39;', '&#039;', '&#x27;', '&apos;'].map((apostrophe) =>
    withEntities({ ...BASIC, '"': '&quot;', "'": apostrophe }),
  ),
  withEntities({ ...BASIC, '"': '&#34;', "'": '&#39;' }),
  withEntities({ ...BASIC, '"': '&quot;', "'": '&#x27;', '/': '&#x2F;' }),
];

/**
 * Returns the characters that bytes determine in the base64 of a longer text.
 * @param offset how many bytes before them begin in the same group of three
 */
function base64At(bytes: Buffer, offset: number): { text: string; bitsBefore: boolean; bitsAfter: boolean } {
  const bitsTo = 8 * (offset + bytes.length);
  const all = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  return {
    text: all.slice(Math.ceil((8 * offset) / 6), Math.floor(bitsTo / 6)),
    bitsBefore: (8 * offset) % 6 !== 0,
    bitsAfter: bitsTo % 6 !== 0,
  };
}

function base64Variants(text: string): string[] {
  const encoded = text.replace(/[+/]/g, percent);
  return [
    text,
    text.replaceAll('+', '-').replaceAll('/', '_'),
    slashed(text),
    slashed(slashed(text).replaceAll('\\', '\\\\')),
    encoded,
    lowerDigits(encoded),
  ];
}
