import type { Settings } from './settings.js';

const REDACTED = '[redacted]';
/** Shorter values are no secrets worth the damage: each text that happens to contain one would lose it. */
const LEAST_LENGTH = 8;
/** A password may be an ordinary word, such as `postgres`, which outputs contain for good reasons. */
const WORD = /^[A-Za-z]{1,15}$/;

/**
 * Replaces the server's own secrets in what leaves it: events, outputs, problems and logs. It looks for the values
 * themselves and not for what keys look like, because a provider may quote one in any shape. A value counts as it is,
 * URL-encoded, and as JSON has it, also in JSON inside of JSON.
 */
export class SecretRedactor {
  private readonly known = new Set<string>();
  private plain: Forms = new Forms([]);
  private escaped: Forms = new Forms([]);

  constructor(secrets: Iterable<string> = []) {
    for (const secret of secrets) this.add(secret);
  }

  /** The redactor of an application: it knows all secrets of its settings. */
  static of(settings: Settings): SecretRedactor {
    return new SecretRedactor(secretsOf(settings));
  }

  /**
   * Adds a secret that is no setting, such as the key of a module's own model provider. One with fewer than 8
   * characters, or of fewer than 16 letters and nothing else, is not replaced.
   */
  add(secret: string): void {
    if (secret.length < LEAST_LENGTH || WORD.test(secret)) return;
    this.known.add(secret.toWellFormed());
    const secrets = [...this.known, ...[...this.known].map(encodeURIComponent)];
    const once = secrets.map(inJson);
    this.escaped = new Forms([...once, ...once.map(inJson)]);
    this.plain = new Forms([...secrets, ...once, ...once.map(inJson)]);
  }

  /** Replaces every secret in a text. */
  text(text: string): string {
    return this.plain.replaceIn(text);
  }

  /** Replaces every secret in a JSON text, which stays JSON. */
  json(json: string): string {
    return this.escaped.replaceIn(json);
  }

  /** How many characters at the end of a text may be the beginning of a secret that continues in the next text. */
  openEnd(text: string): number {
    return this.plain.openEnd(text);
  }
}

/** The forms in which secrets are looked for. */
class Forms {
  private readonly forms: readonly string[];
  private readonly pattern: RegExp;
  /** By character: where a form can break off, as its first characters up to and including that one. */
  private readonly beginnings = new Map<string, string[]>();

  constructor(forms: readonly string[]) {
    // The longest first: one secret may be part of another.
    this.forms = [...new Set(forms)].sort((one, other) => other.length - one.length);
    this.pattern = new RegExp(this.forms.map(escapePattern).join('|') || '$^', 'g');
    for (const form of this.forms)
      for (let length = form.length - 1; length > 0; length -= 1) {
        const last = form[length - 1]!;
        this.beginnings.set(last, [...(this.beginnings.get(last) ?? []), form.slice(0, length)]);
      }
    for (const starts of this.beginnings.values()) starts.sort((one, other) => other.length - one.length);
  }

  replaceIn(text: string): string {
    // Searching for each form is many times faster than the pattern, and almost no text has one.
    return this.forms.some((form) => text.includes(form)) ? text.replace(this.pattern, REDACTED) : text;
  }

  openEnd(text: string): number {
    const starts = this.beginnings.get(text.at(-1) ?? '') ?? [];
    return starts.find((start) => text.endsWith(start))?.length ?? 0;
  }
}

const escapePattern = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

function secretsOf(settings: Settings): string[] {
  const { DATABASE_URL, ANTHROPIC_API_KEY, OPENAI_COMPATIBLE_API_KEY } = settings;
  const { BOOTSTRAP_API_KEY, JWT_SECRET, METRICS_TOKEN } = settings;
  return [
    ANTHROPIC_API_KEY,
    OPENAI_COMPATIBLE_API_KEY,
    BOOTSTRAP_API_KEY,
    JWT_SECRET,
    METRICS_TOKEN,
    ...(DATABASE_URL === undefined ? [] : passwordsIn(DATABASE_URL)),
  ].filter((secret) => secret !== undefined);
}

/** A password of a URL, as it is written there and decoded. */
function passwordsIn(url: string): string[] {
  const { password, searchParams } = new URL(url);
  // libpq's own way to write it.
  return [password, decoded(password), searchParams.get('password') ?? ''];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
