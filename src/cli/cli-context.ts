import { CloutAgent } from '@cloutagent/client';
import { CloutAgentAdmin } from '@cloutagent/client/admin';
import type { Readable } from 'node:stream';
import { CliError } from './cli-error.js';
import { type Output, Terminal } from './terminal.js';

const DEFAULT_URL = 'http://127.0.0.1:3000';

/** What a command reads and writes. Tests replace it. */
export interface CliStreams {
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: Readable;
  readonly stdout: Output;
  readonly stderr: Output;
}

/** What every command of one call shares. */
export class CliContext {
  readonly out: Terminal;
  /** For progress and errors, so that the output of a command can be piped into a program. */
  readonly err: Terminal;
  /** Whether the output is JSON for programs. */
  json = false;
  /** The value of --url. */
  url: string | undefined;

  constructor(readonly streams: CliStreams) {
    this.out = new Terminal(streams.stdout, streams.environment);
    this.err = new Terminal(streams.stderr, streams.environment);
  }

  get baseUrl(): string {
    return this.url ?? (this.streams.environment['CLOUTAGENT_URL'] || DEFAULT_URL);
  }

  /** The credential. It comes from the environment alone: other users of the machine can read arguments. */
  get key(): string | undefined {
    return this.streams.environment['CLOUTAGENT_API_KEY'] || undefined;
  }

  /** @throws CliError without a key, or with a URL that is none */
  client(): CloutAgent {
    if (this.key === undefined)
      throw new CliError(
        'Set CLOUTAGENT_API_KEY to an API key or a JWT of the server, for example: export CLOUTAGENT_API_KEY=…\n' +
          'A new server prints its first key when it starts; `cloutagent keys create` makes further ones.',
      );
    if (!/^https?:$/.test(URL.parse(this.baseUrl)?.protocol ?? ''))
      throw new CliError(
        `The server "${this.baseUrl}" is not an http or https URL: correct --url or CLOUTAGENT_URL, for example ${DEFAULT_URL}.`,
      );
    return new CloutAgent({ baseUrl: this.baseUrl, token: this.key });
  }

  /** @throws CliError as `client` does */
  admin(): CloutAgentAdmin {
    return new CloutAgentAdmin(this.client());
  }

  /** Prints a value as JSON. `indent` makes it readable; a stream of values has one value a line. */
  printJson(value: unknown, indent = true): void {
    this.out.line(JSON.stringify(value, undefined, indent ? 2 : undefined));
  }
}
