import { randomBytes } from 'node:crypto';
import { type Writer, WRITERS } from './writers.js';

/** The letter of each writer in a reference. */
const LETTERS = { plain: 'p', url: 'u', json: 'j', jsonString: 's' } as const satisfies Record<
  Writer,
  string
>;
const WRITER_OF = new Map<string, Writer>(
  Object.entries(LETTERS).map(([writer, letter]) => [letter, writer as Writer]),
);

/**
 * The references to secrets in the filled-in config of one attempt. A reference is text that stands for a secret and its
 * encoding, such as `secret-<nonce>-ur-NAME-`, and the value takes its place only when it is sent. All its characters stand
 * for themselves in URLs, headers and JSON. The nonce is random for each attempt, so a reference that a node has let out
 * stands for nothing when it comes back in a value.
 */
export class SecretReferences {
  private readonly nonce = randomBytes(16).toString('hex');
  private readonly pattern = new RegExp(`secret-${this.nonce}-([pujs])([or])-([A-Za-z0-9_]{1,64})-`, 'g');

  /** Makes a reference. @param isOptional whether a missing secret gives no text instead of an error */
  make(name: string, writer: Writer, isOptional: boolean): string {
    return `secret-${this.nonce}-${LETTERS[writer]}${isOptional ? 'o' : 'r'}-${name}-`;
  }

  /** Makes references of the placeholders of secrets in the texts of a setting, which the operator has written. */
  inSetting<T>(value: T): T {
    return mapTexts(value, (text) =>
      text.replace(PLACEHOLDER, (_placeholder, name: string, optional: string | undefined) =>
        this.make(name, 'plain', optional !== undefined),
      ),
    ) as T;
  }

  /** Finds the names of the secrets that the texts of a value refer to. */
  namesIn(value: unknown): Set<string> {
    const names = new Set<string>();
    this.map(value, (text) => {
      for (const [, , , name] of text.matchAll(this.pattern)) names.add(name!);
      return text;
    });
    return names;
  }

  /**
   * Replaces the references in the texts of a value by the values of the secrets.
   * @param valueOf returns the value of a secret; undefined if it is missing. It throws if the secret must exist
   */
  replaceIn<T>(value: T, valueOf: (name: string, isOptional: boolean) => string | undefined): T {
    return this.map(value, (text) =>
      text.replace(this.pattern, (_reference, letter: string, kind: string, name: string) => {
        const writer = WRITER_OF.get(letter)!;
        const secret = valueOf(name, kind === 'o');
        if (secret === undefined) return writer === 'json' ? 'null' : '';
        return WRITERS[writer](secret);
      }),
    ) as T;
  }

  private map(value: unknown, change: (text: string) => string): unknown {
    return mapTexts(value, (text) => (text.includes(this.nonce) ? change(text) : text));
  }
}

/** A placeholder of a secret in the text of a setting. */
const PLACEHOLDER = /\{\{\s*secrets\.([A-Za-z_][A-Za-z0-9_]{0,63})\s*(\?)?\s*\}\}/g;

/** Whether the text of a setting refers to a secret. */
export const refersToSecret = (text: string): boolean => text.search(PLACEHOLDER) >= 0;

/** Copies a value of lists and plain objects with other texts. Anything else is kept as it is. */
function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, change)]));
}

const isPlain = (value: object): boolean =>
  [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);

/** Explains that a placeholder of a secret is in a place that takes none. */
export const misplacedSecret = (source: string): string =>
  `${source} cannot be used here: secrets may only be in the url, the headers and the body of a request of an http node, of a tool or of an MCP server, and in fields of modules that take secrets. Move it there`;
