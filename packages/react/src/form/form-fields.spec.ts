import type { Json } from '@cloutagent/contract';
import fc from 'fast-check';
import { fieldOf, type FormField } from './form-fields.js';
import { initialOf, problemsBelow, problemsOf, type Typed, valueOf } from './form-values.js';

const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });
const kindOf = (schema: unknown) => fieldOf(schema, 'Value').kind;
/** What the form gives when the user types nothing. */
const untouched = (schema: unknown) => {
  const field = fieldOf(schema, 'Value');
  return valueOf(field, initialOf(field));
};
const given = (schema: unknown, typed: Typed) => valueOf(fieldOf(schema, 'Value'), typed);

describe('A form from a JSON Schema', () => {
  it('has a field for each property, with title, description and whether it is required', () => {
    const field = fieldOf(
      object(
        {
          name: { type: 'string', title: 'Your name', description: 'As on the invoice' },
          amount: { type: 'number', minimum: 0, maximum: 10 },
          count: { type: 'integer' },
          urgent: { type: 'boolean' },
          colour: { enum: ['red', 'green'] },
          day: { type: 'string', format: 'date' },
          at: { type: 'string', format: 'date-time' },
          mail: { type: 'string', format: 'email' },
          reason: { type: 'string', maxLength: 2_000 },
          tags: { type: 'array', items: { type: 'string' } },
          address: object({ city: { type: 'string' } }),
        },
        { required: ['name'], additionalProperties: false },
      ),
      'Value',
    );
    if (field.kind !== 'group') throw new Error(field.kind);
    expect(field.fields.map((one) => [one.name, one.kind === 'text' ? one.input : one.kind])).toEqual([
      ['name', 'text'],
      ['amount', 'number'],
      ['count', 'number'],
      ['urgent', 'boolean'],
      ['colour', 'choice'],
      ['day', 'date'],
      ['at', 'date-time'],
      ['mail', 'email'],
      ['reason', 'long-text'],
      ['tags', 'list'],
      ['address', 'group'],
    ]);
    expect(field.fields[0]).toMatchObject({
      title: 'Your name',
      description: 'As on the invoice',
      required: true,
    });
    expect(field.fields[1]).toMatchObject({ title: 'amount', required: false, min: 0, max: 10 });
  });

  it.each([
    ['no schema', undefined],
    ['true', true],
    ['an empty schema', {}],
    ['a reference', { $ref: '#/$defs/a' }],
    ['allOf', object({ a: { type: 'string' } }, { allOf: [{ required: ['b'] }] })],
    ['conditions', object({ a: { type: 'string' } }, { if: {} })],
    ['a required member without a property', object({ a: { type: 'string' } }, { required: ['b'] })],
    ['any member', { type: 'object', additionalProperties: { type: 'number' } }],
    ['no members', object({})],
    ['several types', { type: ['string', 'number'] }],
    ['a list of objects', { type: 'array', items: object({ a: { type: 'string' } }) }],
    ['a list of lists', { type: 'array', items: { type: 'array', items: { type: 'string' } } }],
    ['an enum of objects', { enum: [{}] }],
    ['an empty enum', { enum: [] }],
    ['a oneOf of types', { oneOf: [{ type: 'string' }, { type: 'number' }] }],
    ['1,000 properties', object(Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`p${n}`, {}])))],
    [
      'a property called __proto__',
      JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"}}}'),
    ],
    ['a list as properties', { type: 'object', properties: [] }],
  ])('is a text area for JSON if the schema has %s', (_name, schema) => {
    expect(kindOf(schema)).toBe('json');
  });

  it('nests objects one level, and asks for JSON below that', () => {
    const field = fieldOf(object({ a: object({ b: object({ c: { type: 'string' } }) }) }), 'Value');
    expect(field).toMatchObject({
      kind: 'group',
      fields: [{ kind: 'group', name: 'a', fields: [{ kind: 'json', name: 'b' }] }],
    });
  });

  it('offers the titles of constants, and gives their values', () => {
    const schema = {
      oneOf: [
        { const: 1, title: 'One' },
        { const: null, title: 'None' },
      ],
    };
    expect(fieldOf(schema, 'Value')).toMatchObject({ choices: [{ label: 'One' }, { label: 'None' }] });
    expect(given(schema, '1')).toEqual({ value: null, problems: [] });
  });

  it('begins with the defaults, which a form that nothing is typed into gives', () => {
    const schema = object(
      {
        name: { type: 'string', default: 'Ada' },
        count: { type: 'integer', default: 3 },
        urgent: { type: 'boolean', default: true },
        colour: { enum: ['red', 'green'], default: 'green' },
        tags: { type: 'array', items: { type: 'string' }, default: ['a', 'b'] },
        at: { type: 'string', format: 'date-time', default: '2026-11-27T08:30:00.000Z' },
        any: { default: { deep: [1] } },
        address: object({ city: { type: 'string', default: 'Paris' } }),
      },
      { required: ['name'] },
    );
    expect(untouched(schema)).toEqual({
      value: {
        name: 'Ada',
        count: 3,
        urgent: true,
        colour: 'green',
        tags: ['a', 'b'],
        at: '2026-11-27T08:30:00.000Z',
        any: { deep: [1] },
        address: { city: 'Paris' },
      },
      problems: [],
    });
  });

  it('leaves out what is optional and empty', () => {
    const schema = object({
      name: { type: 'string' },
      count: { type: 'integer' },
      colour: { enum: [1, 2] },
      tags: { type: 'array', items: { type: 'string' } },
      any: {},
      address: object({ city: { type: 'string' } }, { required: ['city'] }),
    });
    expect(untouched(schema)).toEqual({ value: {}, problems: [] });
  });

  it('names each field that is required and empty, or that is not what it must be', () => {
    const schema = object(
      {
        name: { type: 'string' },
        count: { type: 'integer' },
        amount: { type: 'number' },
        any: {},
        at: { type: 'string', format: 'date-time' },
        tags: { type: 'array', items: { type: 'integer' } },
        address: object({ city: { type: 'string' } }, { required: ['city'] }),
        colour: { enum: [1] },
      },
      { required: ['name', 'address', 'colour'] },
    );
    const typed = {
      name: '',
      count: '1.5',
      amount: '1,5',
      any: '{',
      at: 'tomorrow',
      tags: ['1', 'x'],
      address: { city: '' },
      colour: '',
    };
    const { value, problems } = given(schema, typed);
    expect(value).toBeUndefined();
    expect(problems.map(({ path }) => path.join('.'))).toEqual([
      'name',
      'count',
      'amount',
      'any',
      'at',
      'tags.1',
      'address.city',
      'colour',
    ]);
  });

  it('finds the server’s problems at their fields', () => {
    const errors = [
      { path: 'values.address.city', message: 'is too short' },
      { path: 'values', message: 'must have a name' },
      { path: 'comment', message: 'is too long' },
    ];
    const below = problemsBelow(errors, 'values');
    expect(below).toEqual([
      { path: ['address', 'city'], message: 'is too short' },
      { path: [], message: 'must have a name' },
    ]);
    expect(problemsOf(problemsOf(below, 'address'), 'city')).toEqual([{ path: [], message: 'is too short' }]);
  });

  it('gives a value or a problem for every schema and every text, and never throws', () => {
    const leaf = fc.oneof(
      fc.constantFrom<unknown>({ type: 'string' }, { type: 'integer' }, { type: 'boolean' }, {}, true, null),
      fc.record({ enum: fc.array(fc.jsonValue()) }),
      fc.record({ type: fc.constantFrom('string', 'number', 'array', 'object'), default: fc.jsonValue() }),
    );
    const schemas = fc.oneof(
      leaf,
      fc.record({ type: fc.constant('array'), items: leaf }),
      fc.record({
        type: fc.constant('object'),
        properties: fc.dictionary(fc.string(), leaf),
        required: fc.array(fc.string()),
      }),
      fc.jsonValue(),
    );
    const fill = (field: FormField, text: string): Typed =>
      field.kind === 'group'
        ? Object.fromEntries(field.fields.map((one) => [one.name, fill(one, text)]))
        : field.kind === 'list'
          ? [fill(field.item, text)]
          : field.kind === 'boolean'
            ? text.length > 1
            : text;
    fc.assert(
      fc.property(schemas, fc.oneof(fc.string(), fc.constantFrom('0', '1', '{}')), (schema, text) => {
        const field = fieldOf(schema, 'Value');
        for (const typed of [initialOf(field), fill(field, text)]) {
          const { value, problems } = valueOf(field, typed);
          if (problems.length > 0) expect(value).toBeUndefined();
          else JSON.stringify(value satisfies Json | undefined);
        }
      }),
    );
  });
});
