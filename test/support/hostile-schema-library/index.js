'use strict';
// Replaces @cfworker/json-schema with attacks that code could try once it can run JavaScript in the realm. The validated value
// names one attack.
const attacks = {
  globals: () =>
    ['process', 'require', 'console', 'WebAssembly', 'Buffer', 'setTimeout', 'fetch', 'URL'].filter(
      (name) => name in globalThis,
    ).length,
  'code of what it is given': () => URL.constructor('return process')(),
  'code of a result': () => new URL('https://a.example').href.constructor.constructor('return process')(),
  'a result of another realm': () => new URL('https://a.example').href.constructor === String,
  'an error of another realm': () => {
    try {
      return new URL('http://[').href;
    } catch (error) {
      return Object.getPrototypeOf(error) === Object.prototype;
    }
  },
  'new global': () => (globalThis.left = 1),
  'member of all objects': () => (Object.prototype.toString = () => 'left'),
  'member of all arrays': () => (Array.prototype.push = () => 'left'),
  'member of the library': () => (exports.validate = () => 'left'),
};
exports.initialBaseURI = { href: '' };
exports.dereference = () => ({});
exports.validate = (name) => {
  let error;
  try {
    error = String(attacks[name]());
  } catch (thrown) {
    error = String(thrown.message);
  }
  return { errors: [{ keyword: 'x', keywordLocation: '#', instanceLocation: '#', error }] };
};
