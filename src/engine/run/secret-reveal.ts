import type { FoundSecret } from '../../secrets/secret-store.js';
import { NodeError } from '../extension/node-handler.js';
import type { SecretReferences } from '../extension/secret-references.js';
import { allowsHost } from './allowed-hosts.js';
import type { NodeScope } from './node-scope.js';
import { untilAnswered } from './until-answered.js';

/** Puts the values of secrets in the place of the references to them, at the moment at which they are sent. */
export class SecretReveal {
  constructor(
    private readonly scope: NodeScope,
    private readonly references: SecretReferences,
    private readonly signal: AbortSignal,
  ) {}

  /** Does what `NodeRun.reveal` describes. */
  async reveal<T>(value: T, { url }: { url: string }): Promise<T> {
    const { scope, references, signal } = this;
    const names = [...new Set([...references.namesIn(value), ...references.namesIn(url)])];
    if (names.length === 0) return value;
    const { row, values } = scope;
    const found = await untilAnswered(() => values.secrets(row.project_id, names), signal);
    const valueOf = this.limited(found);
    const target = URL.parse(references.replaceIn(url, valueOf));
    if (!target)
      throw new NodeError(
        'invalid_config',
        'The URL is not valid after its secrets were filled in. Correct them.',
      );
    const refused = [...found.values()].find(
      ({ allowedHosts }) => allowedHosts && !allowsHost(allowedHosts, target),
    );
    if (refused) throw notAllowed(refused);
    const revealed = references.replaceIn(value, valueOf);
    await untilAnswered(
      () => values.use({ executionId: row.id, attempt: row.attempt }, [...found.values()]),
      signal,
    );
    return revealed;
  }

  /** Returns values by name, up to the size of a config: many references to a long secret could exhaust the memory. */
  private limited(found: ReadonlyMap<string, FoundSecret>) {
    const { CONFIG_MAX_BYTES } = this.scope.settings;
    let bytes = 0;
    return (name: string, isOptional: boolean): string | undefined => {
      const value = found.get(name)?.value;
      if (value === undefined && !isOptional)
        throw new NodeError(
          'missing_value',
          `The project has no secret ${name}. Set it, or end the placeholder with ? if it may be missing.`,
        );
      bytes += value?.length ?? 0;
      if (bytes > CONFIG_MAX_BYTES)
        throw new NodeError(
          'config_too_large',
          `The config has more than ${CONFIG_MAX_BYTES} bytes after its secrets were filled in (CONFIG_MAX_BYTES). Use fewer of them.`,
        );
      return value;
    };
  }
}

/** The URL is not shown, because a secret may be a part of it. */
const notAllowed = ({ name, allowedHosts }: FoundSecret): NodeError =>
  new NodeError(
    'secret_not_allowed',
    `The secret ${name} may be sent only to ${allowedHosts!.join(', ')}, and the URL of this request has another host or port. Nothing was sent. Change the URL, or allowedHosts of the secret.`,
  );
