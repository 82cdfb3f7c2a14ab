import { nearest } from './nearest.js';

const KNOWN = ['crm/find-customer', 'crm/list-orders', 'mail/send'];

describe('nearest', () => {
  it.each([
    ['crm/find-custmer', 'crm/find-customer'],
    ['CRM/Find-Customer', 'crm/find-customer'],
    ['crm/find-customers', 'crm/find-customer'],
    ['mail/sned', 'mail/send'],
  ])('finds the name that %s probably means', (name, expected) => {
    expect(nearest(name, KNOWN)).toBe(expected);
  });

  it.each(['weather/today', '', 'x'.repeat(100_000)])('finds none that is far from the name', (name) => {
    expect(nearest(name, KNOWN)).toBeUndefined();
  });
});
