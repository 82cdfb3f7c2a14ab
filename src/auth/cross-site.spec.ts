import { isCrossSite } from './cross-site.js';

const TRUSTED = ['https://app.example', '*'];
const host = 'server.example:3000';

describe('isCrossSite', () => {
  it.each<[string, string, Record<string, string>]>([
    ['a page of another site', 'POST', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
    ['a page of a sibling domain', 'DELETE', { 'sec-fetch-site': 'same-site', origin: 'https://a.example' }],
    ['a page of another site in an old browser', 'POST', { origin: 'https://evil.example' }],
    ['a page without an origin', 'POST', { origin: 'null' }],
    ['a page of another site that hides its origin', 'POST', { 'sec-fetch-site': 'cross-site' }],
  ])('finds %s', (_name, method, headers) =>
    expect(isCrossSite({ method, headers: { host, ...headers } }, TRUSTED)).toBe(true),
  );

  it.each<[string, string, Record<string, string>]>([
    ['a program', 'POST', {}],
    ['the own pages', 'POST', { 'sec-fetch-site': 'same-origin', origin: `http://${host}` }],
    ['the own pages in an old browser', 'POST', { origin: `http://${host}` }],
    ['what the user typed', 'POST', { 'sec-fetch-site': 'none' }],
    ['a trusted page', 'POST', { 'sec-fetch-site': 'cross-site', origin: 'https://app.example' }],
    ['a request that only reads', 'GET', { 'sec-fetch-site': 'cross-site' }],
  ])('lets through %s', (_name, method, headers) =>
    expect(isCrossSite({ method, headers: { host, ...headers } }, TRUSTED)).toBe(false),
  );
});
