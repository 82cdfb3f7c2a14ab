import { modelToolNames } from './model-tool-names.js';

const PROVIDERS_ACCEPT = /^[A-Za-z0-9_-]{1,64}$/;

describe('names of tools for the model', () => {
  it('replaces the slash and keeps names without one', () => {
    expect(Object.fromEntries(modelToolNames(['crm/find-customer', 'weather']))).toEqual({
      'crm/find-customer': 'crm__find-customer',
      weather: 'weather',
    });
  });

  it('gives different names to tools whose names would become the same', () => {
    const names = ['a/b__c', 'a__b/c', 'a__b__c', `${'p'.repeat(64)}/${'t'.repeat(64)}`];
    const given = [...modelToolNames(names).values()];
    expect(new Set(given).size).toBe(names.length);
    for (const name of given) expect(name).toMatch(PROVIDERS_ACCEPT);
    expect(modelToolNames(names).get('a__b__c')).toBe('a__b__c');
    expect(modelToolNames(names)).toEqual(modelToolNames(names));
  });
});
