import { setTimeout as sleep } from 'node:timers/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestingModule } from '@nestjs/testing';
import type { Json } from '@cloutagent/contract';
import { Conditions } from '../../src/engine/nodes/conditions.js';
import { JsonSchemas } from '../../src/engine/nodes/json-schemas.js';
import { nodeTypes } from '../support/node-types.js';

let module: TestingModule;
let schemas: JsonSchemas;

beforeAll(async () => {
  module = await nodeTypes({
    CHECK_TIMEOUT_MS: '500',
    MAX_CHECK_PROCESSES: '2',
    SCHEMA_MAX_BYTES: '200000',
    OUTPUT_MAX_BYTES: '1000000',
  });
  schemas = module.get(JsonSchemas);
});
afterAll(() => module.close());

const NEVER = new AbortController().signal;
const validate = (schema: unknown, value: Json, projectId = 'demo') =>
  schemas.validate(projectId, schema, value, NEVER, 'values');
const check = (schema: unknown, batch = { projectId: 'demo' }) => schemas.check(schema, batch);

/** Time that this process computed, in ms. It shows whether this process validated a value itself. */
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

const FORM = {
  type: 'object',
  properties: {
    amount: { type: 'number', minimum: 1, maximum: 100 },
    reason: { type: 'string', minLength: 3, maxLength: 20 },
    email: { type: 'string', format: 'email' },
    tags: { type: 'array', items: { $ref: '#/$defs/tag' }, maxItems: 2, uniqueItems: true },
  },
  required: ['amount'],
  additionalProperties: false,
  $defs: { tag: { type: 'string', pattern: '^[a-z]+$' } },
};

it('accepts a value that fits', async () => {
  expect(await check(FORM)).toEqual([]);
  expect(await validate(FORM, { amount: 5, reason: 'because', email: 'a@b.example', tags: ['x', 'y'] })).toEqual([]);
});

it('names every part of a value that does not fit', async () => {
  const value = { amount: '5', reason: 'no', email: 'a', tags: ['x', 'Y', 'z'], extra: 1 };
  expect(await validate(FORM, value)).toEqual([
    { path: 'values.amount', message: 'must be a number, not a string' },
    { path: 'values.reason', message: 'must have at least 3 characters' },
    { path: 'values.email', message: 'must have the format "email"' },
    { path: 'values.tags', message: 'must have at most 2 items' },
    { path: 'values.tags.1', message: 'must match the regular expression "^[a-z]+$"' },
    { path: 'values.extra', message: 'is not allowed' },
  ]);
});
