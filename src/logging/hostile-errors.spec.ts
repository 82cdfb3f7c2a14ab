import { Logger as NestLogger, type LoggerService } from '@nestjs/common';
import { SecretRedactor } from '../config/secret-redactor.js';
import { AppLogger } from './app-logger.js';
import { Logger } from './logger.js';

const getter = (name: string) => ({
  get: () => {
    throw new Error(`the getter of ${name}`);
  },
});
const hostile: [string, unknown][] = [
  ...['message', 'name', 'stack', 'cause', 'errors', 'code'].map((name): [string, unknown] => [
    `an error whose ${name} cannot be read`,
    Object.defineProperty(new Error('x'), name, { enumerable: true, ...getter(name) }),
  ]),
  ['an error whose message is a number', Object.assign(new Error('x'), { message: 42 })],
  [
    'an object with a member that cannot be read',
    Object.defineProperty({}, 'a', { enumerable: true, ...getter('a') }),
  ],
  [
    'a function that throws',
    () => {
      throw new Error('called');
    },
  ],
  ['a symbol', Symbol('s')],
  ['a large integer', 10n],
  ['null', null],
];
const { proxy, revoke } = Proxy.revocable(new Error('x'), {});
revoke();
hostile.push(['a revoked proxy', proxy]);

const levels = ['log', 'warn', 'debug', 'error', 'fatal'] as const;

describe.each(['json', 'text', 'host'] as const)('the logger with the format %s', (format) => {
  let written: string;
  const streams = [process.stdout, process.stderr];
  const writes = streams.map((stream) => stream.write.bind(stream));
  beforeEach(() => {
    written = '';
    const record = (text: unknown): boolean => {
      written += String(text);
      return true;
    };
    for (const stream of streams) stream.write = record;
    const host: LoggerService = { log: record, warn: record, debug: record, error: record, fatal: record };
    NestLogger.overrideLogger(
      format === 'host'
        ? host
        : new AppLogger({ LOG_LEVEL: 'debug', LOG_FORMAT: format }, new SecretRedactor([])),
    );
  });
  afterEach(() => streams.forEach((stream, index) => (stream.write = writes[index]!)));

  it.each(hostile)('writes a line with %s, and does not throw', (_what, value) => {
    for (const level of levels) {
      written = '';
      new Logger('Test')[level]('a module failed', value, { executionId: 'e' });
      expect(written).toContain('a module failed');
    }
  });
});
