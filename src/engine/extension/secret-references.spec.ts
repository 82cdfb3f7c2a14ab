import fc from 'fast-check';
import { SecretReferences } from './secret-references.js';
import { WRITERS, type Writer } from './writers.js';

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/);
const writer = fc.constantFrom<Writer>('plain', 'url', 'json', 'jsonString');

it('puts the value in the place of a reference, in the encoding of its place', () => {
  const references = new SecretReferences();
  fc.assert(
    fc.property(fc.string(), name, writer, fc.string(), fc.string(), (before, of, as, value, after) => {
      const text = before + references.make(of, as, false) + after;
      expect([...references.namesIn({ list: [text] })]).toEqual([of]);
      const revealed = references.replaceIn({ list: [text] }, () => value);
      expect(revealed).toEqual({ list: [before + WRITERS[as](value) + after] });
    }),
  );
});

it('keeps references apart that follow each other, and names of which one begins another', () => {
  const references = new SecretReferences();
  const text = references.make('A', 'plain', false) + references.make('A_B', 'plain', false);
  expect(references.replaceIn(text, (of) => `<${of}>`)).toBe('<A><A_B>');
});

it('consists of characters that stand for themselves in URLs, headers and JSON', () => {
  const reference = new SecretReferences().make('CRM_TOKEN', 'url', false);
  expect(encodeURIComponent(reference)).toBe(reference);
  expect(JSON.stringify(reference)).toBe(`"${reference}"`);
});

it('does not replace the references of another attempt, or of a changed nonce', () => {
  const [one, other] = [new SecretReferences(), new SecretReferences()];
  const foreign = other.make('CRM_TOKEN', 'plain', false);
  const own = one.make('CRM_TOKEN', 'plain', false);
  const nearly = own.replace(/[0-9a-f]-/, (end) => (end === '0-' ? '1-' : '0-'));
  for (const text of [foreign, own.toUpperCase(), nearly]) {
    expect([...one.namesIn(text)]).toEqual([]);
    expect(one.replaceIn(text, () => 'the value')).toBe(text);
  }
});

it('does not search a value that was put in for references again', () => {
  const references = new SecretReferences();
  const inner = references.make('OTHER', 'plain', false);
  const text = references.make('ONE', 'plain', false);
  expect(references.replaceIn(text, (of) => (of === 'ONE' ? inner : 'the value'))).toBe(inner);
});

it('gives nothing for a missing optional secret, and null as JSON', () => {
  const references = new SecretReferences();
  const asked: [string, boolean][] = [];
  const valueOf = (of: string, isOptional: boolean) => void asked.push([of, isOptional]);
  const make = (as: Writer) => references.make('GONE', as, true);
  expect(references.replaceIn([`<${make('plain')}>`, make('json')], valueOf)).toEqual(['<>', 'null']);
  expect(asked).toEqual([
    ['GONE', true],
    ['GONE', true],
  ]);
});

it('keeps everything that is not a list or a plain object', () => {
  const references = new SecretReferences();
  const given = { date: new Date(0), bytes: Buffer.from('x'), map: new Map(), none: null, n: 1 };
  const shown = references.replaceIn(given, () => 'x');
  expect(shown).toEqual(given);
  for (const key of ['date', 'bytes', 'map'] as const) expect(shown[key]).toBe(given[key]);
});
