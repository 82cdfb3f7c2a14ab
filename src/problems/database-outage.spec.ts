import { isDatabaseOutage, isWriteRefusal } from './database-outage.js';

const coded = (code: string) => Object.assign(new Error('x'), { code });

it.each([
  coded('ECONNREFUSED'),
  coded('08006'),
  coded('25006'),
  coded('40001'),
  coded('40P01'),
  coded('53100'),
  coded('53200'),
  coded('53300'),
  coded('55P03'),
  coded('57014'),
  coded('57P01'),
  coded('57P03'),
  coded('58030'),
  coded('58P01'),
  new Error('Connection terminated unexpectedly'),
  new Error('Query read timeout'),
  new AggregateError([coded('ECONNREFUSED')]),
])('classifies %o as an outage', (error) => {
  expect(isDatabaseOutage(error)).toBe(true);
});

it.each([
  coded('23505'),
  coded('22003'),
  coded('25P02'),
  coded('54000'),
  new Error('Connection: x'),
  'ECONNREFUSED',
  undefined,
])('does not classify %o as an outage', (error) => {
  expect(isDatabaseOutage(error)).toBe(false);
});

it.each<[unknown, boolean]>([
  [coded('25006'), true],
  [coded('53100'), true],
  [coded('58030'), true],
  [coded('53300'), false],
  [coded('57014'), false],
  [new Error('x'), false],
  [undefined, false],
])('decides whether %o refuses writes: %p', (error, expected) => {
  expect(isWriteRefusal(error)).toBe(expected);
});
