import { isDatabaseOutage } from './database-outage.js';

const coded = (code: string) => Object.assign(new Error('x'), { code });

it.each([
  coded('ECONNREFUSED'),
  coded('57P01'),
  coded('57P03'),
  coded('08006'),
  coded('53300'),
  coded('53100'),
  coded('55P03'),
  coded('57014'),
  new Error('Connection terminated unexpectedly'),
  new Error('Query read timeout'),
  new AggregateError([coded('ECONNREFUSED')]),
])('takes %o for an outage', (error) => {
  expect(isDatabaseOutage(error)).toBe(true);
});

it.each([coded('23505'), coded('22003'), new Error('Connection: x'), 'ECONNREFUSED', undefined])(
  'takes %o for something else',
  (error) => {
    expect(isDatabaseOutage(error)).toBe(false);
  },
);
