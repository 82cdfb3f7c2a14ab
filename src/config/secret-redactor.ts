import { headerSecrets } from './header-secrets.js';
import { mcpSecrets } from './mcp-servers-setting.js';
import { parseSecretKeys } from './secret-keys-setting.js';
import type { Settings } from './settings.js';

const REDACTED = '[redacted]';
/** Shorter values are not redacted, because they occur in ordinary texts, which would be damaged. */
const MIN_LENGTH = 8;
/**
 * A password that is an ordinary word, such as `postgres`, is not redacted: outputs contain such words for other reasons.
 */
const WORD = /^[A-Za-z]{1,15}$/;

/**
 * The secret part of a callback address. It is redacted by its form: any number of them exist, and only their hashes are
 * stored. All its characters stand for themselves in URLs and in JSON.
 */
const CALLBACK_TOKEN_PREFIX = 'cbk_';
const CALLBACK_TOKEN_LENGTH = CALLBACK_TOKEN_PREFIX.length + 43;
const CALLBACK_TOKENS = /cbk_[A-Za-z0-9_-]{43}/g;
/** A proper beginning of a token at the end of a text. */
const OPEN_CALLBACK_TOKEN = /(?:cbk_[A-Za-z0-9_-]{0,42}|cbk?|c)$/;

/**
 * Replaces the server's own secrets in everything that leaves the server: events, outputs, problems and logs. It searches
 * for the secrets' values and not for patterns of keys, because a provider may quote a key in any form. It finds a value
 * as it is, URL-encoded, as part of a JSON string, and as part of a JSON string inside JSON. It also replaces the tokens of
 * callback addresses, by their form.
 */
export class SecretRedactor {
  private readonly known = new Set<string>();
  private plain: Forms = new Forms([]);
  private escaped: Forms = new Forms([]);

  constructor(secrets: Iterable<string> = []) {
    for (const secret of secrets) this.add(secret);
  }

  /** Makes the redactor of an application, which knows all secrets in the settings. */
  static of(settings: Settings): SecretRedactor {
    return new SecretRedactor(secretsOf(settings));
  }

  /**
   * Adds a secret that is not a setting, such as the key of a module's own model provider. Secrets with fewer than 8
   * characters, and secrets of at most 15 letters and nothing else, are ignored.
   */
  add(secret: string): void {
    if (secret.length < MIN_LENGTH || WORD.test(secret)) return;
    this.known.add(secret.toWellFormed());
    const secrets = [...this.known, ...[...this.known].map(encodeURIComponent)];
    const once = secrets.map(inJson);
    this.escaped = new Forms([...once, ...once.map(inJson)]);
    this.plain = new Forms([...secrets, ...once, ...once.map(inJson)]);
  }

  /** Replaces every secret in a text. */
  text(text: string): string {
    return withoutCallbackTokens(this.plain.replaceIn(text));
  }

  /** Replaces every secret in a JSON text. The result is valid JSON. */
  json(json: string): string {
    return withoutCallbackTokens(this.escaped.replaceIn(json));
  }

  /** Returns how many characters at the end of a text may begin a secret that continues in the next text. */
  openEnd(text: string): number {
    const token = OPEN_CALLBACK_TOKEN.exec(text.slice(-CALLBACK_TOKEN_LENGTH + 1))?.[0].length ?? 0;
    return Math.max(this.plain.openEnd(text), token);
  }
}

const withoutCallbackTokens = (text: string): string =>
  text.includes(CALLBACK_TOKEN_PREFIX) ? text.replace(CALLBACK_TOKENS, REDACTED) : text;

/** Searches for a set of strings, each being one form of a secret. */
class Forms {
  private readonly forms: readonly string[];
  private readonly pattern: RegExp;
  /** The proper prefixes of all forms, by their last character. */
  private readonly prefixes = new Map<string, string[]>();

  constructor(forms: readonly string[]) {
    // The longest form comes first, because one secret may be a part of another.
    this.forms = [...new Set(forms)].toSorted((one, other) => other.length - one.length);
    this.pattern = new RegExp(this.forms.map(escapePattern).join('|') || '$^', 'g');
    for (const form of this.forms)
      for (let length = form.length - 1; length > 0; length -= 1) {
        const last = form[length - 1]!;
        this.prefixes.set(last, [...(this.prefixes.get(last) ?? []), form.slice(0, length)]);
      }
    for (const prefixes of this.prefixes.values()) prefixes.sort((one, other) => other.length - one.length);
  }

  replaceIn(text: string): string {
    // Almost no text contains a secret, and `includes` for each form is many times faster than the pattern.
    return this.forms.some((form) => text.includes(form)) ? text.replace(this.pattern, REDACTED) : text;
  }

  openEnd(text: string): number {
    const prefixes = this.prefixes.get(text.at(-1) ?? '') ?? [];
    return prefixes.find((prefix) => text.endsWith(prefix))?.length ?? 0;
  }
}

const escapePattern = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

function secretsOf(settings: Settings): string[] {
  const { DATABASE_URL, ANTHROPIC_API_KEY, OPENAI_COMPATIBLE_API_KEY, HTTP_PROXY, HTTPS_PROXY } = settings;
  const { OPENAI_API_KEY, GOOGLE_API_KEY, MISTRAL_API_KEY, MODEL_ENDPOINTS } = settings;
  const { BOOTSTRAP_API_KEY, JWT_SECRET, METRICS_TOKEN, SECRETS_KEY } = settings;
  return [
    ANTHROPIC_API_KEY,
    OPENAI_COMPATIBLE_API_KEY,
    OPENAI_API_KEY,
    GOOGLE_API_KEY,
    MISTRAL_API_KEY,
    ...Object.values(MODEL_ENDPOINTS).flatMap(({ apiKey, headers }) => [apiKey, ...headerSecrets(headers)]),
    BOOTSTRAP_API_KEY,
    JWT_SECRET,
    METRICS_TOKEN,
    ...(SECRETS_KEY === undefined ? [] : parseSecretKeys(SECRETS_KEY).map(({ text }) => text)),
    ...mcpSecrets(settings.MCP_SERVERS),
    ...(DATABASE_URL === undefined ? [] : passwordsIn(DATABASE_URL)),
    ...[HTTP_PROXY, HTTPS_PROXY].flatMap((url) => (url === undefined ? [] : credentialsOf(url))),
  ].filter((secret) => secret !== undefined);
}

/** Returns the passwords in a URL, as written and decoded. */
function passwordsIn(url: string): string[] {
  const { password, searchParams } = new URL(url);
  // libpq also accepts the password as a query parameter.
  return [password, decoded(password), searchParams.get('password') ?? ''];
}

/** Returns the credentials of a proxy: the password, a user name that is a token, and both as the header has them. */
function credentialsOf(proxy: string): string[] {
  const { username, password } = new URL(proxy);
  if (username === '' && password === '') return [];
  const header = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64');
  return [...(password === '' ? [username, decoded(username)] : passwordsIn(proxy)), header];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
