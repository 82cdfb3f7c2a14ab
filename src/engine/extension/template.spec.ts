import type { Json } from '@cloutagent/contract';
import fc from 'fast-check';
import { z } from 'zod';
import type { ConfigContext } from './config-template.js';
import { SecretReferences } from './secret-references.js';
import { callbackNodes, fill, type FillScope, isTemplate, references, valueReferences } from './template.js';

const Config = z.looseObject({
  text: z.string().min(1).optional(),
  required: z.string(),
  texts: z.array(z.string()),
  headers: z.record(z.string(), z.string()),
  url: z.string().meta({ placeholders: 'url' }),
  site: z.url(),
  number: z.int(),
  list: z.array(z.unknown()),
  either: z.union([z.string(), z.array(z.string())]),
  method: z.enum(['GET', 'POST']),
  body: z.json().meta({ placeholders: 'json' }),
  raw: z.looseObject({}).meta({ placeholders: 'none' }),
  any: z.unknown(),
});
const nodes = new Set(['a', 'a.b', 'a.b.output', 'failed', 'skipped', 'pay', 'output', 'über'.normalize()]);
const context: ConfigContext = { nodes, schema: Config };

const input: Json = {
  title: 'SSE',
  ms: 250,
  none: null,
  empty: '',
  yes: true,
  items: [{ name: 'one' }, { name: 'two' }],
  'any key': 'quoted',
  'a"b': 'with a quote',
  'größe-1': 'unicode',
  'x}}y': 'braces',
  hostile: '{{input.title}} \\{{input}} "\n\\ /?#% ü',
};
const scope: FillScope = {
  input,
  outputs: new Map<string, Json>([
    ['a', { b: { output: 'of a' }, output: 'output of a' }],
    ['a.b', { x: 1, output: 'member of a.b' }],
    ['output', 'of output'],
  ]),
  errors: new Map([['failed', { message: 'It broke.', code: 'http_status' }]]),
  execution: { id: 'e-1', projectId: 'demo' },
  callbackUrl: (nodeId) => (nodeId === 'pay' ? 'https://host/callbacks/t' : undefined),
};
const filled = (config: unknown, maxBytes = 10_000) => fill(config, context, scope, maxBytes);
const textOf = (text: string) => (filled({ text: `${text}|` }) as { text: string }).text.slice(0, -1);

describe('a placeholder in text', () => {
  it.each([
    // Roots
    ['{{input.title}}', 'SSE'],
    ['{{ input.title }}', 'SSE'],
    ['{{\n  input.title\t}}', 'SSE'],
    ['{{nodes.failed.error.message}}/{{nodes.failed.error.code}}', 'It broke./http_status'],
    ['{{nodes.failed.error}}', '{"message":"It broke.","code":"http_status"}'],
    ['{{nodes.pay.callbackUrl}}', 'https://host/callbacks/t'],
    ['{{execution.id}} {{execution.projectId}}', 'e-1 demo'],
    ['{{execution}}', '{"id":"e-1","projectId":"demo"}'],
    // Values
    ['{{input.ms}}', '250'],
    ['{{input.yes}}', 'true'],
    ['{{input.none}}', 'null'],
    ['{{input.empty}}', ''],
    ['{{input.items}}', '[{"name":"one"},{"name":"two"}]'],
    // Paths
    ['{{input.items[1].name}}', 'two'],
    ['{{input.items.1.name}}', 'two'],
    ['{{input["items"][0]["name"]}}', 'one'],
    ['{{input["any key"]}}', 'quoted'],
    ['{{ input[ "any key" ] }}', 'quoted'],
    ['{{input["a\\"b"]}}', 'with a quote'],
    ['{{input["a\\u0022b"]}}', 'with a quote'],
    ['{{input.größe-1}}', 'unicode'],
    ['{{input["gr\\u00f6\\u00dfe-1"]}}', 'unicode'],
    ['{{input["x}}y"]}}', 'braces'],
    // Node ids with dots: the longest known id wins.
    ['{{nodes.a.b.output.x}}', '1'],
    ['{{nodes["a.b"].output.x}}', '1'],
    ['{{nodes["a"].output.b.output}}', 'of a'],
    ['{{nodes.a.b.output}}', '{"x":1,"output":"member of a.b"}'],
    ['{{nodes.a.output.output}}', 'output of a'],
    ['{{nodes.output.output}}', 'of output'],
    // Missing values
    ['[{{input.nothing?}}]', '[]'],
    ['[{{input.nothing.at.all ? }}]', '[]'],
    ['[{{input.items[9].name?}}]', '[]'],
    ['[{{input.none?}}]', '[]'],
    ['[{{input.title?}}]', '[SSE]'],
    ['[{{nodes.skipped.output?}}{{nodes.skipped.output.x?}}{{nodes.a.error?}}]', '[]'],
    ['[{{nodes.skipped.callbackUrl?}}]', '[]'],
    // Escapes
    ['\\{{input.title}}', '{{input.title}}'],
    ['\\{{ user.name }}', '{{ user.name }}'],
    ['\\\\{{input.title}}', '\\SSE'],
    ['\\\\\\{{input.title}}', '\\{{input.title}}'],
    ['C:\\dir\\x', 'C:\\dir\\x'],
    ['{{{input.title}}}', '{SSE}'],
    // Inserted text is never expanded again.
    ['{{input.hostile}}', '{{input.title}} \\{{input}} "\n\\ /?#% ü'],
  ])('%j gives %j', (text, expected) => expect(textOf(text)).toBe(expected));

  it.each([
    '{{ user.name }}',
    '{{inputs.title}}',
    '{{input title}}',
    '{{input | upper}}',
    '{{#each items}}{{this}}{{/each}}',
    '{{ "input.title" }}',
    '{{> partial}}',
    '{{node.a.output}}',
    '{{executions.id}}',
    '{% if x %}{{ x }}{% endif %}',
    '{{}}',
    '{{',
    '{ {input.title}}',
    '\\\\{{ user.name }}',
    '{{constructor.constructor("x")()}}',
  ])('leaves %j as it is', (text) => {
    expect(textOf(text)).toBe(text);
    expect(isTemplate(text)).toBe(false);
  });

  it('says whether a text has placeholders', () => {
    for (const text of ['{{input}}', 'x {{ nodes.any.output }}', '{{input.[}}', '{{secrets.x}}'])
      expect(isTemplate(text)).toBe(true);
    for (const text of ['', '\\{{input}}', '{{inputs}}']) expect(isTemplate(text)).toBe(false);
  });
});

describe('a string that is one placeholder', () => {
  it.each([
    [{ number: '{{input.ms}}' }, { number: 250 }],
    [{ number: ' {{input.ms}}' }, { number: ' 250' }],
    [{ list: '{{input.items}}' }, { list: (input as Record<string, Json>)['items'] }],
    [{ any: { deep: ['{{ input.none }}'] } }, { any: { deep: [null] } }],
    [{ body: '{{input.items[0]}}' }, { body: { name: 'one' } }],
    [{ body: { n: '{{input.ms}}', t: 'x{{input.ms}}' } }, { body: { n: 250, t: 'x250' } }],
    [{ either: '{{input.items}}' }, { either: (input as Record<string, Json>)['items'] }],
    [{ either: '{{input.title}}' }, { either: 'SSE' }],
    [{ unknownMember: '{{input.ms}}' }, { unknownMember: 250 }],
    // Fields that take text get text.
    [{ text: '{{input.ms}}' }, { text: '250' }],
    [{ texts: ['{{input.items[0]}}'] }, { texts: ['{"name":"one"}'] }],
    [{ texts: '{{input.items}}' }, { texts: (input as Record<string, Json>)['items'] }],
    [{ headers: { 'x-a': '{{input.yes}}' } }, { headers: { 'x-a': 'true' } }],
    [{ method: '{{input.title}}' }, { method: 'SSE' }],
    // What is missing is left out, except where text is required.
    [{ number: '{{input.x?}}', any: 1 }, { any: 1 }],
    [{ list: ['{{input.x?}}', 1, '{{input.none?}}'] }, { list: [1, null] }],
    [{ body: { a: '{{input.x?}}', b: 'x{{input.x?}}' } }, { body: { b: 'x' } }],
    [{ text: '{{input.x?}}', headers: { 'x-a': '{{input.x?}}' } }, { headers: {} }],
    [{ required: '{{input.x?}}' }, { required: '' }],
  ])('%j gives %j', (config, expected) => expect(filled(config)).toEqual(expected));

  it('shares no value with the scope or the config', () => {
    const config = { list: '{{input.items}}', any: { constant: [1] } };
    const first = filled(config) as { list: { name: string }[]; any: { constant: number[] } };
    first.list[0]!.name = 'changed';
    first.any.constant.push(2);
    expect(filled(config)).toEqual({ list: [{ name: 'one' }, { name: 'two' }], any: { constant: [1] } });
  });
});

describe('a placeholder in a URL', () => {
  it.each([
    ['{{input.u}}', 'https://a.example/x?y=1#z', 'https://a.example/x?y=1#z'],
    ['{{input.u}}/x/{{input.u}}', 'a/b', 'a/b/x/a%2Fb'],
    ['https://h/{{input.u}}', 'a/b?c#d%e&f=ü ', 'https://h/a%2Fb%3Fc%23d%25e%26f%3D%C3%BC%20'],
    ['https://h/?q={{input.u}}', '..', 'https://h/?q=..'],
    ['https://h/{{input.u}}.txt', '..', 'https://h/...txt'],
    ['https://h/?q={{input.u}}', { a: [1] }, 'https://h/?q=%7B%22a%22%3A%5B1%5D%7D'],
    ['https://h/?q={{input.u}}', '\ud800', 'https://h/?q=%EF%BF%BD'],
    ['https://{{input.u}}/', 'a@b/c', 'https://a%40b%2Fc/'],
    ['https://h/\\{{input.u}}', 'x', 'https://h/{{input.u}}'],
  ])('%j with %j gives %j', (url, u, expected) => {
    const result = fill({ url, site: url }, context, { ...scope, input: { u } }, 1_000);
    expect(result).toEqual({ url: expected, site: expected });
  });

  it.each([
    'https://h/a/{{input.u}}/b',
    'https://h/a/{{input.u}}',
    'https://h/{{input.u}}?q',
    'https://h/.{{input.u}}/x',
  ])('may not lead to another path: %s', (url) => {
    for (const u of url.includes('/.{') ? ['.'] : ['.', '..'])
      expect(() => fill({ url }, context, { ...scope, input: { u } }, 1_000)).toThrow(
        expect.objectContaining({ code: 'invalid_config' }),
      );
  });
});

describe('a placeholder in a body that is JSON text', () => {
  it.each([
    ['{"name": "{{input.hostile}}"}', { name: (input as Record<string, Json>)['hostile'] }],
    ['{"n": {{input.ms}}, "i": {{input.items}}}', { n: 250, i: (input as Record<string, Json>)['items'] }],
    ['[{{input.title}}]', ['SSE']],
    ['[{{input.x?}}, "{{input.x?}}"]', [null, '']],
    ['{"{{input.title}}": 1}', { SSE: 1 }],
    ['{"a\\"": "{{input.items}}"}', { 'a"': '[{"name":"one"},{"name":"two"}]' }],
    ['{"p": "C:\\\\{{input.title}}"}', { p: 'C:\\SSE' }],
    ['{"p": "\\{{input.title}}"}', { p: '{{input.title}}' }],
    ['"{{input.hostile}}"', (input as Record<string, Json>)['hostile']],
  ])('%s', (body, expected) => {
    const result = filled({ body }) as { body: string };
    expect(JSON.parse(result.body)).toEqual(expected);
  });

  it.each([
    ['Name: {{input.hostile}}', `Name: ${(input as Record<string, string>)['hostile']}`],
    ['{not json} "{{input.items[0]}}"', '{not json} "{"name":"one"}"'],
    ['{{input.title}} "x"', 'SSE "x"'],
  ])('is inserted unchanged into other text: %s', (body, expected) =>
    expect(filled({ body })).toEqual({ body: expected }),
  );
});

it.each([
  ['{{input.titel}}', /input has no member "titel": did you mean "title"\?.*end the placeholder with \?/],
  ['{{input.title.x}}', /input\.title is text and has no member "x"/],
  ['{{input.items[2]}}', /input\.items is a list of 2 and has no item 2/],
  ['{{input.items.length}}', /is a list of 2 and has no member "length"/],
  ['{{input.none.x}}', /input\.none is null/],
  ['{{input[0]}}', /input has no item 0/],
  ['{{nodes.skipped.output}}', /node "skipped" has no output/],
  ['{{nodes.nobody.output}}', /node "nobody" has no output/],
  ['{{nodes.a.error.message}}', /node "a" has no failure/],
  ['{{nodes.skipped.callbackUrl}}', /has no callback address/],
])('fails with missing_value: %s', (text, message) => {
  for (const config of [{ text }, { text: `x ${text}` }, { any: text }, { url: `http://h/${text}` }])
    expect(() => filled(config)).toThrow(
      expect.objectContaining({ code: 'missing_value', message: expect.stringMatching(message) as string }),
    );
});

it('leaves the placeholders of an inline workflow to its own nodes', () => {
  const raw = { nodes: [{ data: { config: { prompt: '{{input}} {{nodes.nobody.output}} \\{{' } } }] };
  expect(filled({ raw, text: '{{input.title}}' })).toEqual({ raw, text: 'SSE' });
  expect(references({ raw }, context)).toEqual([]);
});

it('does not search names of members', () => {
  expect(filled({ any: { '{{input.title}}': 1 } })).toEqual({ any: { '{{input.title}}': 1 } });
});

it('finds the nodes that a config refers to, and the callbacks that it uses', () => {
  const config = {
    texts: ['{{nodes.a.b.output}}'],
    text: '{{nodes.pay.callbackUrl}}{{nodes.pay.callbackUrl}}',
  };
  expect(references(config, context)).toEqual([
    { nodeId: 'a.b', root: 'output', path: ['texts', 0] },
    { nodeId: 'pay', root: 'callbackUrl', path: ['text'] },
    { nodeId: 'pay', root: 'callbackUrl', path: ['text'] },
  ]);
  expect(callbackNodes(config, context)).toEqual(['pay']);
});

it('reads a config again for another workflow', () => {
  const config = { text: '{{nodes.a.b.output}}' };
  const one: FillScope = {
    ...scope,
    outputs: new Map<string, Json>([
      ['a.b', 'long'],
      ['a', { x: 1 }],
    ]),
  };
  expect(fill(config, { nodes: new Set(['a.b']) }, one, 100)).toEqual({ text: 'long' });
  expect(() => fill(config, { nodes: new Set(['a']) }, one, 100)).toThrow(
    expect.objectContaining({ code: 'invalid_config' }),
  );
});

it('counts all inserted bytes together, as they are inserted', () => {
  const at = (config: object, maxBytes: number) => () => filled(config, maxBytes);
  expect(at({ text: '{{input.title}}{{input.title}}' }, 6)).not.toThrow();
  for (const [config, maxBytes] of [
    [{ text: '{{input.title}}{{input.title}}' }, 5],
    [{ any: '{{input.items}}' }, 10],
    [{ url: 'http://h/{{input["größe-1"]}}{{input.hostile}}' }, 50],
  ] as const)
    expect(at(config, maxBytes)).toThrow(expect.objectContaining({ code: 'config_too_large' }));
});

describe('for any text and value', () => {
  const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>;
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('{{', '}}', '\\', 'input', '.x', '"', '/', '?', '[', ' ', 'ü', '\n'))
      .map((parts) => parts.join('')),
  );
  const fillWith = (config: unknown, value: Json) =>
    fill(config, context, { ...scope, input: { x: value } }, 1_000_000) as Record<string, Json>;

  it('inserts text without expanding it again', () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(fillWith({ text: '<{{input.x}}>', any: '{{input.x}}' }, value)).toEqual({
          text: `<${value}>`,
          any: value,
        });
      }),
    );
  });

  it('keeps every text whose braces are escaped', () => {
    fc.assert(
      fc.property(text, (value) => {
        // The lookahead escapes each brace of {{{ that begins a pair.
        const escaped = value.replaceAll(
          /\\*\{(?=\{)/g,
          (pair) => `${'\\'.repeat(2 * (pair.length - 1) + 1)}{`,
        );
        // Three braces in a row cannot be escaped one pair at a time.
        fc.pre(!value.includes('{{{'));
        expect(fillWith({ text: escaped }, null)).toEqual({ text: value });
      }),
    );
  });

  it('gives the value itself where the field takes no text', () => {
    fc.assert(
      fc.property(json, (value) => expect(fillWith({ any: '{{input.x}}' }, value)).toEqual({ any: value })),
    );
  });

  it('keeps a JSON body valid and gives the value back', () => {
    fc.assert(
      fc.property(json, (value) => {
        const { body } = fillWith({ body: '{"a": {{input.x}}, "b": ["<{{input.x}}>"]}' }, value);
        const inserted = typeof value === 'string' ? value : JSON.stringify(value);
        expect(JSON.parse(body as string)).toEqual({
          a: JSON.parse(JSON.stringify(value)),
          b: [`<${inserted}>`],
        });
      }),
    );
  });

  it('changes no other part of a URL', () => {
    fc.assert(
      fc.property(text, (value) => {
        fc.pre(!/^\.{1,2}$/.test(value));
        const url = new URL(
          fillWith({ url: 'https://host.example/a/{{input.x}}/b?q={{input.x}}#f' }, value)['url'] as string,
        );
        const wellFormed = value.toWellFormed();
        expect([url.origin, url.hash]).toEqual(['https://host.example', '#f']);
        expect(url.pathname.split('/').map(decodeURIComponent)).toEqual(['', 'a', wellFormed, 'b']);
        expect(decodeURIComponent(url.search)).toBe(`?q=${wellFormed}`);
      }),
    );
  });

  it('reads each path that JSON can name', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 4 }),
        json,
        (names, value) => {
          const nested = names.reduceRight<Json>((inner, name) => Object.fromEntries([[name, inner]]), value);
          const path = names.map((name) => `[${JSON.stringify(name)}]`).join('');
          expect(fillWith({ any: `{{input.x${path}}}` }, nested)).toEqual({ any: value });
        },
      ),
    );
  });

  it('never fails on a text that has no root', () => {
    const pieces = fc.constantFrom(
      '{{',
      '}}',
      '{',
      '}',
      '\\',
      'user',
      '.x',
      '["',
      '"]',
      '?',
      ' ',
      '|',
      'inputs',
      'node',
    );
    fc.assert(
      fc.property(fc.array(pieces), (parts) => {
        expect(isTemplate(parts.join(''))).toBe(false);
      }),
    );
  });
});

describe('hostile configs', () => {
  const fastFill = (config: unknown): unknown => {
    // Work that grows with the square of the size would take many minutes.
    const before = performance.now();
    try {
      return filled(config, 10_000_000);
    } catch (error) {
      return (error as { code: string }).code;
    } finally {
      expect(performance.now() - before).toBeLessThan(20_000);
    }
  };
  const repeated = (text: string) => text.repeat(Math.ceil(1_000_000 / text.length));

  it.each(['{{', '\\{{', '{{ ', '\\', '{{inputs', '{{input ', '}}', '{{{}', '\\\\{{'])(
    'reads 1 MB of %j in linear time',
    (text) => {
      expect(typeof (fastFill({ text: repeated(text) }) as { text: string }).text).toBe('string');
    },
  );

  it.each([
    '{{input.',
    '{{input[',
    '{{input["',
    '{{input["\\',
    '{{nodes.',
    '{{nodes.a',
    '{{nodes.a.b.output',
    '{{input.x?',
    '{{nodes["a"]',
    '{{secrets.x.y}}',
  ])('refuses 1 MB of %j in linear time', (text) =>
    expect(fastFill({ text: repeated(text) })).toBe('invalid_config'),
  );

  it.each([
    `{{input.x${' '.repeat(1_000_000)}`,
    `{{${' '.repeat(1_000_000)}input`,
    `{{nodes.${'a.'.repeat(500_000)}output}}`,
    `{{input${'.x'.repeat(500_000)}?}} `,
    `{{input["${'\\"'.repeat(500_000)}"]?}} `,
  ])('reads one long placeholder in linear time: %.12s', (text) => {
    fastFill({ text });
  });

  it('fills 100,000 placeholders of one string, and of many', () => {
    const many = Array.from({ length: 100_000 }, () => '{{input.title}}');
    expect(fastFill({ text: many.join('') })).toEqual({ text: 'SSE'.repeat(100_000) });
    expect((fastFill({ texts: many }) as { texts: string[] }).texts).toHaveLength(100_000);
    expect((fastFill({ url: `https://h/${many.join('/')}` }) as { url: string }).url).toHaveLength(
      10 + 400_000 - 1,
    );
  });

  it.each([
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '__proto__.polluted',
    'items.constructor',
    'items.at',
    'title.length',
  ])('reads own members only: %s', (path) => {
    expect(() => filled({ any: `{{input.${path}}}` })).toThrow(
      expect.objectContaining({ code: 'missing_value' }),
    );
    expect(filled({ any: `{{input.${path}?}}` })).toEqual({});
  });

  it('keeps an own member that is called __proto__', () => {
    const own = JSON.parse('{"__proto__":{"polluted":true}}') as Json;
    const result = fill(
      { any: '{{input}}', text: '{{input.__proto__.polluted}}' },
      context,
      { ...scope, input: own },
      1_000,
    );
    expect(JSON.stringify(result)).toBe('{"any":{"__proto__":{"polluted":true}},"text":"true"}');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('variables and secrets', () => {
  const schema = z.looseObject({
    text: z.string(),
    url: z.string().meta({ placeholders: 'url', secrets: true }),
    headers: z.record(z.string(), z.string()).meta({ secrets: true }),
    body: z.json().meta({ placeholders: 'json', secrets: true }),
    number: z.int(),
  });
  const secrets = new SecretReferences();
  const values: Record<string, string> = { TOKEN: 'a/b "c" \\ ü', BASE: 'https://host/v1' };
  const filledWith = (config: object, more: Partial<FillScope> = {}): Record<string, unknown> =>
    secrets.replaceIn(
      fill(
        config,
        { nodes, schema },
        { ...scope, secrets, vars: { team: { ids: [7, 8] }, url: 'https://v/', none: null }, ...more },
        10_000,
      ) as Record<string, unknown>,
      (name) => values[name],
    );

  it.each<[object, object]>([
    [{ text: '<{{vars.team.ids[1]}}> {{vars.team}}' }, { text: '<8> {"ids":[7,8]}' }],
    [{ number: '{{vars.team.ids[0]}}' }, { number: 7 }],
    [{ url: '{{vars.url}}x?q={{vars.url}}' }, { url: 'https://v/x?q=https%3A%2F%2Fv%2F' }],
    [{ text: '{{vars.none}}|{{vars.gone?}}|{{ vars["team"].ids }}' }, { text: 'null||[7,8]' }],
    [
      { url: '{{secrets.BASE}}/x?q={{secrets.TOKEN}}' },
      { url: 'https://host/v1/x?q=a%2Fb%20%22c%22%20%5C%20%C3%BC' },
    ],
    [
      { headers: { a: 'Bearer {{secrets.TOKEN}}', b: '{{secrets.TOKEN}}' } },
      { headers: { a: `Bearer ${values['TOKEN']}`, b: values['TOKEN'] } },
    ],
    [{ body: { deep: [{ key: '{{secrets.TOKEN}}' }] } }, { body: { deep: [{ key: values['TOKEN'] }] } }],
    [
      { body: '{"a": "x{{secrets.TOKEN}}", "b": {{secrets.TOKEN}} }' },
      { body: `{"a": ${JSON.stringify(`x${values['TOKEN']}`)}, "b": ${JSON.stringify(values['TOKEN'])} }` },
    ],
    [{ body: '{{secrets.TOKEN}}' }, { body: values['TOKEN'] }],
    [
      { headers: { a: 'x{{secrets.GONE?}}', b: '\\{{secrets.TOKEN}}' } },
      { headers: { a: 'x', b: '{{secrets.TOKEN}}' } },
    ],
  ])('are filled into %j', (config, expected) => expect(filledWith(config)).toEqual(expected));

  it('do not let a value bring a placeholder of a secret in', () => {
    const text = '{{secrets.TOKEN}} {{ secrets["TOKEN"] }}';
    const shown = filledWith(
      { headers: { a: '{{input}}', b: '{{vars.text}}' } },
      { input: text, vars: { text } },
    );
    expect(shown).toEqual({ headers: { a: text, b: text } });
  });

  it.each(['{{secrets.TOKEN}}', 'Say {{secrets.TOKEN}}', '{{secrets.TOKEN?}}'])(
    'refuse %s in a field without secrets',
    (text) => {
      for (const config of [{ text }, { number: text }, { unknown: { deep: [text] } }])
        expect(() => filledWith(config)).toThrow(
          expect.objectContaining({ code: 'secret_not_allowed' }) as Error,
        );
    },
  );

  it.each([
    ['{{vars}}', 'does not name a variable'],
    ['{{vars[0]}}', 'the name of a variable has'],
    ['{{vars["a b"]}}', 'the name of a variable has'],
    ['{{secrets}}', 'does not name a secret'],
    ['{{secrets.a-b}}', 'the name of a secret has'],
    ['{{secrets.A.b}}', 'a secret is text'],
    ['{{secrets.A[0]}}', 'a secret is text'],
  ])('cannot be written as %s', (text, message) => expect(() => filledWith({ url: text })).toThrow(message));

  it('say which variable is missing, and which was probably meant', () => {
    expect(() => filledWith({ text: '{{vars.tema}}' })).toThrow(
      'vars has no member "tema": did you mean "team"?',
    );
    expect(() => filledWith({ text: '{{vars.team.ids[2]}}' })).toThrow(
      'vars.team.ids is a list of 2 and has no item 2',
    );
    expect(() => filledWith({ text: '{{vars.toString}}' })).toThrow('vars has no member');
  });

  it('are found with their paths', () => {
    const config = {
      text: '{{vars.a.b}} {{input}}',
      headers: { x: '{{secrets.B?}}' },
      body: [{ k: '{{secrets.C}}' }],
    };
    expect(valueReferences(config, { nodes, schema })).toEqual([
      { root: 'vars', name: 'a', isOptional: false, path: ['text'] },
      { root: 'secrets', name: 'B', isOptional: true, path: ['headers', 'x'] },
      { root: 'secrets', name: 'C', isOptional: false, path: ['body', 0, 'k'] },
    ]);
  });
});
