import type { LoggerService } from '@nestjs/common';
import { errorInfo, errorText, readable, messageOf } from './error-info.js';
import type { SecretRedactor } from '../config/secret-redactor.js';
import { currentContext } from './work-context.js';

/**
 * The redactors of the servers of this process that run inside other applications. One set for all: a logger does not know
 * which server writes, and it does no harm that no server logs the secrets of another one.
 */
const redactors = new Set<SecretRedactor>();

/** Redacts these secrets in what is logged through a host's logger, until the returned function is called. */
export function redactInLogs(redactor: SecretRedactor): () => void {
  redactors.add(redactor);
  return () => void redactors.delete(redactor);
}

const secrets = {
  text: (text: string): string =>
    [...redactors].reduce((redacted, each) => each.forProcess.text(redacted), text),
};

/**
 * Writes messages of the server to the logger of the application that it runs inside: as a text, with the ids of the
 * request and the execution at its end. An error's stack is passed as Nest's loggers expect it: after the message of
 * `error` and `fatal`, and as a part of the text otherwise.
 */
export class HostLogger implements LoggerService {
  constructor(private readonly target: LoggerService) {}

  log(message: unknown, ...params: unknown[]): void {
    this.write('log', message, params);
  }

  warn(message: unknown, ...params: unknown[]): void {
    this.write('warn', message, params);
  }

  debug(message: unknown, ...params: unknown[]): void {
    this.write('debug', message, params);
  }

  error(message: unknown, ...params: unknown[]): void {
    this.writeError('error', message, params);
  }

  fatal(message: unknown, ...params: unknown[]): void {
    this.writeError(this.target.fatal ? 'fatal' : 'error', message, params);
  }

  private write(level: 'log' | 'warn' | 'debug', message: unknown, params: unknown[]): void {
    const { text, stack, context } = describe(message, params);
    this.target[level]?.(stack === undefined ? text : `${text}\n${stack}`, context);
  }

  private writeError(level: 'error' | 'fatal', message: unknown, params: unknown[]): void {
    const { text, stack, context } = describe(message, params);
    if (stack === undefined) this.target[level]?.(text, context);
    else this.target[level]?.(text, stack, context);
  }
}

/** @param params errors and objects with further members; the last one is the context, as Nest's Logger adds it */
function describe(message: unknown, params: readonly unknown[]) {
  const context = params.at(-1);
  const rest = params
    .slice(0, -1)
    .filter((param) => param !== undefined)
    .map(readable);
  const isMembers = (param: unknown): param is object =>
    typeof param === 'object' && param !== null && !(param instanceof Error);
  const members = { ...currentContext()?.members, ...Object.assign({}, ...rest.filter(isMembers)) } as object;
  const errors = [readable(message), ...rest].filter((each) => each instanceof Error || !isMembers(each));
  const [text, ...stacks] = errors.map((each) =>
    typeof each === 'string' ? each : errorText(errorInfo(each, secrets)),
  );
  const ids = Object.keys(members).length > 0 ? ` ${messageOf(members)}` : '';
  return {
    text: secrets.text((text ?? '') + ids),
    stack: stacks.length > 0 ? secrets.text(stacks.join('\n')) : undefined,
    context,
  };
}
