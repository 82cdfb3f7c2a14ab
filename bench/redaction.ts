// Measures the search for secrets in ordinary events and in the chunks of a model's answer, compared with a search for each
// form by `includes`, which came before it. Both run in turns. Prints a table and writes bench/results/redaction.json.
import { mkdir, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { cpus } from 'node:os';
import type { SecretRedactor as Redactor } from '../src/config/secret-redactor.js';

// The benchmark measures the build, because the build is what ships. The types come from the sources.
const built = async <T>(path: string): Promise<T> =>
  (await import(new URL(`../dist/${path}`, import.meta.url).href)) as T;
const { SecretRedactor } =
  await built<typeof import('../src/config/secret-redactor.js')>('config/secret-redactor.js');
const { formsOf } = await built<typeof import('../src/config/secret-forms.js')>('config/secret-forms.js');

const ROUNDS = 15;
const ROUND_MS = 40;
const event = JSON.stringify({
  executionId: '0199c0de-0000-7000-8000-000000000001',
  timestamp: '2026-01-01T00:00:00.000Z',
  chunk: 'The quick brown fox jumps over the lazy dog, and says "hello" to it. '.repeat(2),
  stepId: 's1',
  nodeId: 'writer',
});
const output = JSON.stringify({ text: event.repeat(400) });
const deltas = 'The quick brown fox jumps over the lazy dog.'.match(/.{1,5}/g)!;

const OPEN_TOKEN = /(?:cbk_[A-Za-z0-9_-]{0,42}|cbk?|c)$/;

/** The search that came before: four forms for each secret, each searched for alone. */
class Before {
  private readonly forms: readonly string[];
  private readonly beginnings = new Map<string, string[]>();

  constructor(secrets: readonly string[]) {
    const inJson = (text: string) => JSON.stringify(text).slice(1, -1);
    const plain = [...secrets, ...secrets.map(encodeURIComponent)];
    this.forms = [...new Set([...plain, ...plain.map(inJson), ...plain.map(inJson).map(inJson)])];
    for (const form of this.forms)
      for (let length = form.length - 1; length > 0; length -= 1) {
        const last = form[length - 1]!;
        this.beginnings.set(last, [...(this.beginnings.get(last) ?? []), form.slice(0, length)]);
      }
  }

  json(text: string): string {
    return this.forms.some((form) => text.includes(form)) ? '' : text;
  }

  openEnd(text: string): number {
    const token = OPEN_TOKEN.exec(text.slice(-46))?.[0].length ?? 0;
    const beginnings = this.beginnings.get(text.at(-1)!) ?? [];
    return Math.max(beginnings.find((each) => text.endsWith(each))?.length ?? 0, token);
  }
}

const random = (length: number): string => randomBytes(length).toString('base64url').slice(0, length);
const pem = (length: number): string => `-----BEGIN-----\n${randomBytes(length).toString('base64')}\n`;
const ofServer = Array.from({ length: 6 }, () => random(64));
const used = (values: readonly string[]): Redactor => {
  const redactor = new SecretRedactor([], new SecretRedactor(ofServer));
  for (const value of values) redactor.addForms(formsOf(value));
  return redactor;
};
const searches = {
  before: new Before(ofServer),
  'no secret in use': new SecretRedactor(ofServer),
  '3 secrets of 40 characters': used(Array.from({ length: 3 }, () => random(40))),
  '40 secrets of 40 characters': used(Array.from({ length: 40 }, () => random(40))),
  '40 secrets of 12 KB': used(Array.from({ length: 40 }, () => pem(9_000))),
};
const tasks: Record<string, (search: Before | Redactor) => void> = {
  event: (search) => void search.json(event),
  'output of 100 KB': (search) => void search.json(output),
  'end of a delta': (search) => {
    for (const delta of deltas) search.openEnd(delta);
  },
};

function microseconds(work: () => void): number {
  let calls = 0;
  const startedAt = performance.now();
  for (; performance.now() - startedAt < ROUND_MS; calls += 1) work();
  return ((performance.now() - startedAt) / calls) * 1_000;
}

const median = (values: number[]): number =>
  values.toSorted((one, other) => one - other)[values.length >> 1]!;
const results: Record<string, Record<string, number>> = {};
for (const [task, work] of Object.entries(tasks)) {
  const times: Record<string, number[]> = {};
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [name, search] of Object.entries(searches))
      (times[name] ??= []).push(microseconds(() => work(search)));
  results[task] = Object.fromEntries(
    Object.entries(times).map(([name, all]) => [name, Number(median(all).toPrecision(3))]),
  );
}
console.log(
  `Microseconds on ${cpus()[0]!.model}, Node ${process.version}: medians of ${ROUNDS} rounds in turns`,
);
console.table(results);
await mkdir(new URL('results', import.meta.url), { recursive: true });
await writeFile(
  new URL('results/redaction.json', import.meta.url),
  `${JSON.stringify({ node: process.version, microseconds: results }, undefined, 2)}\n`,
);
