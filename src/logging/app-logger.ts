import { ConsoleLogger, type LogLevel } from '@nestjs/common';
import type { SecretRedactor } from '../config/secret-redactor.js';
import type { Settings } from '../config/settings.js';
import { errorInfo, errorText, readable, messageOf } from './error-info.js';
import { currentContext } from './work-context.js';

const LEVELS = ['fatal', 'error', 'warn', 'log', 'debug'] as const;
type JsonLine = ReturnType<ConsoleLogger['getJsonLogObject']>;

/**
 * Nest's logger, adapted to this server. It writes each message as a line of JSON, or as text in a terminal (LOG_FORMAT).
 * It adds the request and the execution as members, and redacts secrets.
 */
export class AppLogger extends ConsoleLogger {
  readonly isJson: boolean;
  private readonly secrets: SecretRedactor;

  constructor(settings: Pick<Settings, 'LOG_LEVEL' | 'LOG_FORMAT'>, secrets: SecretRedactor) {
    const { LOG_FORMAT: format, LOG_LEVEL: level } = settings;
    const isJson = format === 'auto' ? !process.stdout.isTTY : format === 'json';
    super({
      logLevels: LEVELS.slice(0, LEVELS.indexOf(level) + 1),
      json: isJson,
      flattenParams: true,
      ...(!process.stdout.isTTY && { colors: false }),
    });
    this.isJson = isJson;
    this.secrets = secrets.forProcess;
  }

  override log(message: unknown, ...params: unknown[]): void {
    this.write(message, params, (text, rest) => super.log(text, ...rest));
  }

  override warn(message: unknown, ...params: unknown[]): void {
    this.write(message, params, (text, rest) => super.warn(text, ...rest));
  }

  override debug(message: unknown, ...params: unknown[]): void {
    this.write(message, params, (text, rest) => super.debug(text, ...rest));
  }

  override error(message: unknown, ...params: unknown[]): void {
    this.write(message, params, (text, rest) => super.error(text, ...rest));
  }

  override fatal(message: unknown, ...params: unknown[]): void {
    this.write(message, params, (text, rest) => super.fatal(text, ...rest));
  }

  /** Prints a message for the operator, whatever LOG_LEVEL is: as plain text, or as a line of JSON. */
  show(text: string, context: string): void {
    if (this.isJson) super.printMessages([text], context);
    else console.log(text);
  }

  /** Never throws: code that reports an error of a module must continue, whatever the module has thrown. */
  private write(
    message: unknown,
    params: readonly unknown[],
    print: (message: unknown, params: unknown[]) => void,
  ): void {
    try {
      print(message, params.map(readable));
    } catch {
      print(
        messageOf(message),
        params.map((param) => messageOf(param)),
      );
    }
  }

  protected override printMessages(
    messages: unknown[],
    context?: string,
    level?: LogLevel,
    stream?: 'stdout' | 'stderr',
    stack?: unknown,
    params?: Record<string, unknown>,
  ): void {
    const members = { ...currentContext()?.members, ...params };
    const allParams = Object.keys(members).length > 0 ? members : undefined;
    super.printMessages(messages, context, level, stream, stack, allParams);
  }

  protected override getJsonLogObject(...given: Parameters<ConsoleLogger['getJsonLogObject']>): JsonLine {
    const [message, { error, ...options }] = given;
    const line = super.getJsonLogObject(message, options);
    return error ? { ...line, error: { ...errorInfo(error, this.secrets) } } : line;
  }

  protected override stringifyJsonLogObject(line: Record<string, unknown>): string {
    return this.secrets.json(super.stringifyJsonLogObject(line));
  }

  protected override stringifyMessage(message: unknown, level: LogLevel): string {
    const text = message instanceof Error ? errorText(errorInfo(message, this.secrets)) : message;
    return this.secrets.text(super.stringifyMessage(text, level));
  }

  protected override stringifyParams(params: Record<string, unknown>): string {
    return this.secrets.text(super.stringifyParams(params));
  }

  protected override printStackTrace(stack: string): void {
    super.printStackTrace(stack && this.secrets.text(stack));
  }
}
