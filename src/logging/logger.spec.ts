import { Logger as NestLogger, type LoggerService } from '@nestjs/common';
import { SecretRedactor } from '../config/secret-redactor.js';
import { redactInLogs } from './host-logger.js';
import { Logger } from './logger.js';
import { inContext } from './work-context.js';

const SECRET = 'sk-a-secret-of-the-server';

/** A logger as applications write their own. */
class RecordingLogger implements LoggerService {
  readonly calls: unknown[][] = [];
  log = (...given: unknown[]): void => void this.calls.push(['log', ...given]);
  error = (...given: unknown[]): void => void this.calls.push(['error', ...given]);
  warn = (...given: unknown[]): void => void this.calls.push(['warn', ...given]);
}

describe('the logger of the server inside another application', () => {
  const host = new RecordingLogger();
  const logger = new Logger('Journal');
  let stop: () => void;
  beforeEach(() => {
    host.calls.length = 0;
    NestLogger.overrideLogger(host);
    stop = redactInLogs(new SecretRedactor([SECRET]));
  });
  afterEach(() => stop());

  it("writes to the host's logger, with its context", () => {
    logger.warn('late');
    expect(host.calls).toEqual([['warn', 'late', 'Journal']]);
  });

  it('redacts its secrets in texts, members, errors and their causes', () => {
    const cause = new Error(`refused ${SECRET}`);
    logger.error(`failed with ${SECRET}`, new Error(`wrong ${SECRET}`, { cause }), { url: SECRET });
    logger.warn(`failed with ${SECRET}`, cause);
    expect(JSON.stringify(host.calls)).not.toContain(SECRET);
    expect(host.calls[0]).toEqual([
      'error',
      'failed with [redacted] {"url":"[redacted]"}',
      expect.stringMatching(/^Error: wrong \[redacted\]\n[^]*\[cause\]: Error: refused \[redacted\]/),
      'Journal',
    ]);
    expect(host.calls[1]![1]).toMatch(/^failed with \[redacted\]\nError: refused \[redacted\]/);
  });

  it('adds the ids of the request and the execution', () => {
    inContext({ members: { executionId: 'e1' }, onStray: () => undefined }, () => logger.log('done'));
    expect(host.calls).toEqual([['log', 'done {"executionId":"e1"}', 'Journal']]);
  });

  it('writes what is fatal as an error to a logger without that level, and drops what it has no level for', () => {
    logger.fatal('over');
    logger.debug('detail');
    expect(host.calls).toEqual([['error', 'over', 'Journal']]);
  });

  it("leaves the host's own messages as they are", () => {
    new NestLogger('Cats').log(SECRET);
    expect(host.calls).toEqual([['log', SECRET, 'Cats']]);
  });

  it('writes nothing if the host has turned logging off', () => {
    NestLogger.overrideLogger(false);
    expect(() => logger.error('failed', new Error('wrong'))).not.toThrow();
  });
});
