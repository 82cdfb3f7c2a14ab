import fc from 'fast-check';
import { allowsHost } from './allowed-hosts.js';

it.each<[string, string]>([
  ['api.example.com', 'https://api.example.com/x'],
  ['api.example.com', 'http://api.example.com:8080/'],
  ['api.example.com', 'https://API.Example.COM/'],
  ['api.example.com', 'https://api.example.com./'],
  ['api.example.com', 'https://user:pw@api.example.com/'],
  ['api.example.com:8443', 'https://api.example.com:8443/'],
  ['api.example.com:443', 'https://api.example.com/'],
  ['api.example.com:80', 'http://api.example.com/'],
  ['*.example.com', 'https://api.example.com/'],
  ['*.example.com', 'https://a.b.example.com/'],
  ['*.example.com:8443', 'https://a.example.com:8443/'],
  ['xn--exmple-cua.com', 'https://exämple.com/'],
  ['127.0.0.1', 'http://127.0.0.1:3000/'],
  ['127.0.0.1', 'http://0x7f.1/'],
  ['[::1]', 'http://[::1]/'],
  ['[0:0:0:0:0:0:0:1]:80', 'http://[::1]/'],
  ['db.example.com:5432', 'postgres://DB.example.com:5432/x'],
])('%s allows %s', (entry, url) => expect(allowsHost([entry], new URL(url))).toBe(true));

it.each<[string, string]>([
  ['api.example.com', 'https://example.com/'],
  ['api.example.com', 'https://api.example.com.evil.example/'],
  ['api.example.com', 'https://evil-api.example.com/'],
  ['api.example.com', 'https://api.example.com@evil.example/'],
  ['api.example.com', 'https://evil.example/api.example.com'],
  ['api.example.com', 'https://evil.example#api.example.com'],
  ['api.example.com', 'https://evil.example\\@api.example.com/'],
  ['api.example.com', 'https://api.example.com%2eevil.example/'],
  ['api.example.com', 'https://xapi.example.com/'],
  ['api.example.com', 'https://apixexample.com/'],
  ['api.example.com', 'https://api.examрle.com/'], // a Cyrillic letter
  ['api.example.com:8443', 'https://api.example.com/'],
  ['api.example.com:443', 'http://api.example.com/'],
  ['api.example.com:8443', 'https://api.example.com:8444/'],
  ['*.example.com', 'https://example.com/'],
  ['*.example.com', 'https://evilexample.com/'],
  ['*.example.com', 'https://.example.com/'],
  ['*.example.com', 'https://example.com.evil.example/'],
  ['*.example.com:8443', 'https://a.example.com/'],
  ['127.0.0.1', 'http://127.0.0.2/'],
  ['127.0.0.1', 'http://[::ffff:127.0.0.1]/'],
  ['[::1]', 'http://127.0.0.1/'],
  ['db.example.com:5432', 'postgres://db.example.com/x'],
  ['api.example.com', 'data:text/plain,api.example.com'],
  ['api.example.com', 'file:///api.example.com'],
])('%s does not allow %s', (entry, url) => {
  const parsed = URL.parse(url);
  expect(parsed !== null && allowsHost([entry], parsed)).toBe(false);
});

it('allows nothing without entries', () => expect(allowsHost([], new URL('https://a.example/'))).toBe(false));

it('allows a host exactly if the URL has it, whatever precedes and follows it', () => {
  const label = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
  fc.assert(
    fc.property(label, label, label, fc.webPath(), (one, two, three, path) => {
      const host = `${one}.${two}.example`;
      expect(allowsHost([host], new URL(`https://${host}${path}`))).toBe(true);
      expect(allowsHost([host], new URL(`https://${three}.${host}${path}`))).toBe(false);
      expect(allowsHost([`*.${host}`], new URL(`https://${three}.${host}${path}`))).toBe(true);
      expect(allowsHost([`*.${host}`], new URL(`https://${host}${path}`))).toBe(false);
      expect(allowsHost([host], new URL(`https://${host}.${three}${path}`))).toBe(false);
    }),
  );
});
