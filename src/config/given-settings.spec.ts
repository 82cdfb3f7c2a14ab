import { readSettings } from './given-settings.js';
import { InvalidSettingsError, parseSettings } from './settings.js';

describe('readSettings', () => {
  it('accepts values as text and as what they mean', () => {
    const expected = {
      RETENTION_DAYS: 7,
      HSTS_INCLUDE_SUBDOMAINS: false,
      CORS_ORIGINS: ['https://a.example', 'https://b.example'],
      MODEL_PRICES: { 'acme/large': { input: 2, output: 8 } },
    };
    expect(readSettings(expected)).toMatchObject(expected);
    expect(readSettings({ RETENTION_DAYS: '7', CORS_ORIGINS: 'https://a.example' })).toMatchObject({
      RETENTION_DAYS: 7,
      CORS_ORIGINS: ['https://a.example'],
    });
  });

  it('accepts settings that were parsed before', () => {
    const parsed = parseSettings({ DATABASE_URL: 'postgres://u:p@localhost/db', LOG_LEVEL: 'debug' });
    expect(readSettings(parsed)).toEqual(parsed);
  });

  it('treats undefined as not given', () => {
    expect(readSettings({ DATABASE_URL: undefined }).DATABASE_URL).toBeUndefined();
  });

  it.each([
    [{ PORT: 'abc' }, /PORT/],
    [{ RETENTION_DAYS: -1 }, /RETENTION_DAYS/],
    [{ DATABASE_URL: 'mysql://x' }, /DATABASE_URL.*postgres:/],
  ])('names what is wrong in %j', (given, message) => {
    expect(() => readSettings(given)).toThrow(InvalidSettingsError);
    expect(() => readSettings(given)).toThrow(message);
  });

  it('does not read the environment', () => {
    process.env['RETENTION_DAYS'] = '99';
    try {
      expect(readSettings({}).RETENTION_DAYS).toBe(30);
    } finally {
      delete process.env['RETENTION_DAYS'];
    }
  });
});
