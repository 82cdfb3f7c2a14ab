import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseSettings } from '../config/settings.js';
import { SECRETS_KEY_FILE, secretsKeyOf } from './secrets-key-file.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloutagent-keys-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('makes one key, also when it is asked for at the same time, and keeps it', async () => {
  const keys = await Promise.all(Array.from({ length: 20 }, () => secretsKeyOf(folder)));
  expect(new Set(keys).size).toBe(1);
  expect(await secretsKeyOf(folder)).toBe(keys[0]);
  expect(parseSettings({ SECRETS_KEY: keys[0] }).SECRETS_KEY).toBe(keys[0]);
  expect(await readdir(folder)).toEqual([SECRETS_KEY_FILE]);
  expect((await stat(join(folder, SECRETS_KEY_FILE))).mode & 0o777).toBe(0o600);
});

it('refuses a file that has no keys, names it, and leaves it alone', async () => {
  const path = join(folder, SECRETS_KEY_FILE);
  await writeFile(path, 'not-a-key-at-all');
  await expect(secretsKeyOf(folder)).rejects.toThrow(`the file ${path} must be id:key`);
  expect(await readFile(path, 'utf8')).toBe('not-a-key-at-all');
});

it('accepts keys that an operator has added, with a line break at the end', async () => {
  const first = await secretsKeyOf(folder);
  const both = `new:${Buffer.alloc(32, 1).toString('base64')},${first}`;
  await writeFile(join(folder, SECRETS_KEY_FILE), `${both}\n`);
  expect(await secretsKeyOf(folder)).toBe(both);
});
