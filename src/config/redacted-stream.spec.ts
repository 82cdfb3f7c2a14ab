import * as fc from 'fast-check';
import { RedactedStream } from './redacted-stream.js';
import { formsOf } from './secret-forms.js';
import { SecretRedactor } from './secret-redactor.js';

/** Texts that have much in common, so that they begin, contain and overlap each other. */
const alike = fc
  .array(fc.constantFrom('a', 'b', 'ab', '/', '"', '\\', '+', ' ', '%', '<', 'ä', '😀', '\n'), {
    minLength: 8,
    maxLength: 24,
  })
  .map((parts) => parts.join(''));
const anything = fc
  .string({ unit: 'binary', minLength: 8, maxLength: 120 })
  .map((text) => text.toWellFormed());
const printable = fc.string({ minLength: 8, maxLength: 40 });
const secret = fc
  .oneof(alike, anything, printable)
  .filter((text) => !'[redacted]'.includes(text) && !text.includes('redacted'));
const secrets = fc.array(secret, { minLength: 1, maxLength: 5 });

const redactorOf = (values: readonly string[]): SecretRedactor => {
  const redactor = new SecretRedactor();
  for (const value of values) redactor.addForms(formsOf(value));
  return redactor;
};
const formsOfAll = (values: readonly string[]): string[] =>
  values.flatMap((value) => formsOf(value).map(({ text }) => text));
const leaks = (text: string, values: readonly string[]): string[] =>
  formsOfAll(values).filter((form) => text.includes(form));

/** A text that is made of forms of secrets, of parts of them, and of other characters. */
const textWith = (values: readonly string[]) => {
  const forms = formsOfAll(values);
  const part = fc
    .tuple(fc.constantFrom(...forms), fc.nat(200), fc.nat(200))
    .map(([form, from, to]) => form.slice(from % form.length, to % form.length));
  return fc
    .array(fc.oneof(fc.constantFrom(...forms), part, fc.string({ maxLength: 5 })), { maxLength: 8 })
    .map((parts) => parts.join(''));
};
const texts = secrets.chain((values) => fc.record({ values: fc.constant(values), text: textWith(values) }));
const cuts = fc.array(fc.nat(40), { minLength: 1, maxLength: 8 });

/** Returns the length of the longest end of a text that is a proper beginning of a form. */
function overlap(text: string, form: string): number {
  for (let length = Math.min(text.length, form.length - 1); length > 0; length -= 1)
    if (form.startsWith(text.slice(-length))) return length;
  return 0;
}

function cutUp(text: string, lengths: readonly number[]): string[] {
  const parts: string[] = [];
  for (let at = 0, index = 0; at < text.length; index += 1) {
    const length = Math.max(1, lengths[index % lengths.length]!);
    parts.push(text.slice(at, at + length));
    at += length;
  }
  return parts;
}

it('leaves no form of a secret in a text', () =>
  fc.assert(
    fc.property(texts, ({ values, text }) => leaks(redactorOf(values).text(text), values).length === 0),
  ));

it('leaves no form of a secret in a text in parts, wherever they end', () =>
  fc.assert(
    fc.property(texts, cuts, ({ values, text }, lengths) => {
      const redactor = redactorOf(values);
      const stream = new RedactedStream(() => redactor);
      const parts = cutUp(text, lengths).map((part) => stream.push(part));
      return leaks([...parts, stream.end()].join(''), values).length === 0;
    }),
  ));

it('holds back less than the longest form, and nothing but the beginning of a form', () =>
  fc.assert(
    fc.property(texts, cuts, ({ values, text }, lengths) => {
      const redactor = redactorOf(values);
      const forms = formsOfAll(values);
      let all = '';
      for (const part of cutUp(text, lengths)) {
        all += part;
        // The beginning of the token of a callback address is held back as well.
        if (/c(bk?_?)?$/.test(all)) continue;
        const open = redactor.openEnd(all);
        const held = all.slice(all.length - open);
        expect(open === 0 || forms.some((form) => form.length > open && form.startsWith(held))).toBe(true);
        const longest = Math.max(0, ...forms.map((form) => overlap(all, form)));
        expect(open).toBe(longest);
      }
    }),
    { numRuns: 30 },
  ));

it('does not change a text without secrets', () =>
  fc.assert(
    fc.property(secrets, fc.string({ unit: 'binary' }), cuts, (values, text, lengths) => {
      fc.pre(leaks(text, values).length === 0);
      const redactor = redactorOf(values);
      // The long beginning of a secret at the end is replaced.
      fc.pre(redactor.openEnd(text) < 8);
      const stream = new RedactedStream(() => redactor);
      const parts = cutUp(text, lengths).map((part) => stream.push(part));
      expect([...parts, stream.end()].join('')).toBe(text);
      expect(redactor.text(text)).toBe(text);
      const json = JSON.stringify({ text });
      expect(redactor.json(json)).toBe(json);
    }),
  ));

it('leaves valid JSON without secrets', () =>
  fc.assert(
    fc.property(texts, fc.jsonValue(), ({ values, text }, value) => {
      const json = redactorOf(values).json(
        JSON.stringify({ text, value, [text]: [text, JSON.stringify({ text })] }),
      );
      const parsed = JSON.parse(json) as { text: string };
      expect(values.filter((each) => parsed.text.includes(each))).toEqual([]);
    }),
  ));

it('takes time in proportion to the text, for secrets and texts that repeat themselves', () => {
  const values = ['a'.repeat(16_000), 'ab'.repeat(8_000), `${'a'.repeat(8_000)}b${'a'.repeat(7_999)}`];
  const redactor = redactorOf(values);
  const text = `${'a'.repeat(15_999)}b`.repeat(60);
  expect(leaks(redactor.text(text), values)).toEqual([]);
  expect(redactor.openEnd(text.slice(0, -1))).toBe(15_999);
});

it('replaces the beginning of a secret at the end of a text, unless it is short', () => {
  const value = 'b3Rq9+Zx/71kLm0P';
  const redactor = redactorOf([value]);
  for (let length = 0; length < value.length; length += 1) {
    const stream = new RedactedStream(() => redactor);
    const text = stream.push(`key ${value.slice(0, length)}`) + stream.end();
    expect(text).toBe(`key ${length < 8 ? value.slice(0, length) : '[redacted]'}`);
  }
});

it('takes time in proportion to the text, for a long secret that arrives in short parts', () => {
  const value = Array.from({ length: 16_000 }, (_none, index) => `${index}.`)
    .join('')
    .slice(0, 16_000);
  const redactor = redactorOf([value]);
  const stream = new RedactedStream(() => redactor);
  let text = '';
  for (let times = 0; times < 20; times += 1) {
    for (const character of `<${value}> <${value.slice(0, -1)}`) text += stream.push(character);
    // What does not continue the secret is not held back.
    text += stream.push('>');
    expect(stream.isHolding).toBe(false);
  }
  expect(text).toBe(`<[redacted]> <${value.slice(0, -1)}>`.repeat(20));
});

it('replaces secrets that contain and overlap each other, among 200 of them', () => {
  const values = Array.from(
    { length: 200 },
    (_none, index) => `sk_${index}_(a+)+$[^x]*\\${'\n😀ß'.repeat(index % 5)}"${index * 7}`,
  );
  values.push(values[7]!.slice(3), `${values[8]!}-and-more`, `tail-of-${values[9]!.slice(0, 9)}`);
  const redactor = redactorOf(values);
  const text = values
    .flatMap((value) => [value, JSON.stringify(value), encodeURIComponent(value)])
    .join(' + ');
  const whole = redactor.text(text);
  expect(whole).toBe(values.map(() => '[redacted] + "[redacted]" + [redacted]').join(' + '));
  for (const length of [1, 3, 50]) {
    const stream = new RedactedStream(() => redactor);
    const result =
      cutUp(text, [length])
        .map((part) => stream.push(part))
        .join('') + stream.end();
    expect(result).toBe(whole);
  }
});
