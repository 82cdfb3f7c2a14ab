import { type Cover, cover, inJsonText } from './cover.js';
import { FormSearch, type Match, MIN_LENGTH } from './form-search.js';
import { headerSecrets } from './header-secrets.js';
import { mcpSecrets } from './mcp-servers-setting.js';
import { type Form, formsOf } from './secret-forms.js';
import { parseSecretKeys } from './secret-keys-setting.js';
import type { Settings } from './settings.js';

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
const CALLBACK_TOKEN: Form = { text: '', fitsJson: true, bitsBefore: false, bitsAfter: false };

/**
 * Replaces secrets in everything that leaves the server: events, outputs, problems and logs. It searches for the secrets'
 * values and not for patterns of keys, because a provider may quote a key in any form. `formsOf` lists the forms in which it
 * finds a value. It also replaces the tokens of callback addresses, by their form.
 */
export class SecretRedactor {
  private readonly search = new FormSearch();
  private ofProcess: SecretRedactor | undefined;

  /** @param base a redactor whose secrets this one replaces as well, also those that are added later */
  constructor(
    secrets: Iterable<string> = [],
    private readonly base?: SecretRedactor,
  ) {
    for (const secret of secrets) this.add(secret);
  }

  /** Makes the redactor of an application, which knows all secrets in the settings. */
  static of(settings: Settings): SecretRedactor {
    return new SecretRedactor(secretsOf(settings));
  }

  /** Whether it replaces other secrets in addition to those of the server. */
  get isExtended(): boolean {
    return this.base !== undefined;
  }

  /**
   * Redacts what this process writes for no particular execution, such as its logs. It also knows the secrets of projects
   * that this process has used.
   */
  get forProcess(): SecretRedactor {
    return (this.ofProcess ??= new SecretRedactor([], this));
  }

  /**
   * Adds a secret that is not a setting, such as the key of a module's own model provider. Secrets with fewer than 8
   * characters, and secrets of at most 15 letters and nothing else, are ignored.
   */
  add(secret: string): void {
    if (secret.length < MIN_LENGTH || WORD.test(secret)) return;
    this.addForms(formsOf(secret.toWellFormed()));
  }

  /** Adds the forms of a secret, whatever its characters are. */
  addForms(forms: readonly Form[]): void {
    for (const form of forms) this.search.add(form);
  }

  /** Replaces every secret in a text. */
  text(text: string): string {
    const found = this.find(text);
    return found ? cover(text, found).text : text;
  }

  /** Replaces every secret in a JSON text. The result is valid JSON. */
  json(json: string): string {
    const found = this.find(json);
    const inJson = found && inJsonText(json, found);
    return inJson ? cover(json, inJson).text : json;
  }

  /** Replaces every secret in a JSON value. @returns the value itself if it has none */
  value<Value>(value: Value): Value {
    const json = JSON.stringify(value);
    const redacted = this.json(json);
    return redacted === json ? value : (JSON.parse(redacted) as Value);
  }

  /** Returns how many characters at the end of a text may begin a secret that continues in the next text. */
  openEnd(text: string): number {
    return Math.max(this.search.openEnd(text), this.base ? this.base.openEnd(text) : openToken(text));
  }

  /** Returns a form of a secret that a text begins and does not complete; undefined if there is none. */
  continuation(text: string): string | undefined {
    return this.search.continuation(text) ?? this.base?.continuation(text);
  }

  /**
   * Replaces the secrets in a part of a longer text, up to what may begin a secret that continues in the next part.
   * @param covered how many characters at the start belong to a secret that is replaced already
   * @returns the text without secrets, how many characters at the end are left for the next part, and how many of those
   *   belong to a secret that is replaced already
   */
  part(text: string, covered: number): Cover & { left: number } {
    const left = this.openEnd(text);
    return { ...cover(text, this.find(text) ?? [], { from: covered, to: text.length - left }), left };
  }

  private find(text: string): Match[] | undefined {
    const own = this.search.find(text);
    const others = this.base ? this.base.find(text) : callbackTokens(text);
    if (!own || !others) return own ?? others;
    return [...own, ...others].toSorted((one, other) => one.start - other.start);
  }
}

const openToken = (text: string): number =>
  OPEN_CALLBACK_TOKEN.exec(text.slice(-CALLBACK_TOKEN_LENGTH + 1))?.[0].length ?? 0;

function callbackTokens(text: string): Match[] | undefined {
  if (!text.includes(CALLBACK_TOKEN_PREFIX)) return undefined;
  const found = [...text.matchAll(CALLBACK_TOKENS)].map(({ index }) => ({
    start: index,
    end: index + CALLBACK_TOKEN_LENGTH,
    form: CALLBACK_TOKEN,
  }));
  return found.length > 0 ? found : undefined;
}

function secretsOf(settings: Settings): string[] {
  const { DATABASE_URL, ANTHROPIC_API_KEY, OPENAI_COMPATIBLE_API_KEY, HTTP_PROXY, HTTPS_PROXY } = settings;
  const { OPENAI_API_KEY, GOOGLE_API_KEY, MISTRAL_API_KEY, MODEL_ENDPOINTS } = settings;
  const { BOOTSTRAP_API_KEY, JWT_SECRET, METRICS_TOKEN, SECRETS_KEY, NATS_URL } = settings;
  return (
    [
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
      ...[HTTP_PROXY, HTTPS_PROXY, ...(NATS_URL?.split(',') ?? [])].flatMap((url) =>
        url === undefined ? [] : credentialsOf(url),
      ),
    ]
      .filter((secret) => secret !== undefined)
      // A placeholder refers to a secret of a project, which is redacted in the executions that use it.
      .filter((secret) => !secret.includes('{{secrets.'))
  );
}

/** Returns the passwords in a URL, as written and decoded. */
function passwordsIn(url: string): string[] {
  const { password, searchParams } = new URL(url);
  // libpq also accepts the password as a query parameter.
  return [password, decoded(password), searchParams.get('password') ?? ''];
}

/**
 * Returns the credentials in the URL of a proxy or of NATS: the password, a user name that is a token, and both as the header
 * of a proxy has them.
 */
function credentialsOf(url: string): string[] {
  const { username, password } = new URL(url.trim());
  if (username === '' && password === '') return [];
  const header = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64');
  return [...(password === '' ? [username, decoded(username)] : passwordsIn(url.trim())), header];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
