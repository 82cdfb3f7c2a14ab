import { parseSettings, type Settings } from './settings.js';

/**
 * Settings as code gives them: the names of the environment variables with values as text, or as the numbers, booleans,
 * lists and objects that they mean, such as `{ DATABASE_URL: 'postgres://…', RETENTION_DAYS: 7, CORS_ORIGINS: ['https://a.example'] }`.
 */
export type GivenSettings = {
  readonly [Name in keyof Settings]?: Settings[Name] | string | number | boolean | undefined;
};

/**
 * Reads settings that code gives. The environment has no influence. Members that are no settings are ignored, so that
 * `process.env` can be given as it is.
 * @throws InvalidSettingsError that names every invalid setting
 */
export const readSettings = (given: GivenSettings): Settings =>
  parseSettings(Object.fromEntries(Object.entries(given).map(([name, value]) => [name, textOf(value)])));

/** Returns a value as the environment would have it. */
function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.join(',') : JSON.stringify(value);
}
