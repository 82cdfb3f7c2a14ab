'use strict';
// Replaces JSONata with attacks that code could try once it can run JavaScript in the realm. An expression names one attack.
const attacks = {
  globals: () =>
    [
      'process',
      'require',
      'console',
      'WebAssembly',
      'Buffer',
      'setTimeout',
      'fetch',
      'SharedArrayBuffer',
    ].filter((name) => name in globalThis),
  global: () => globalThis.constructor === Object && Object.getPrototypeOf(globalThis) instanceof Object,
  code: () => globalThis.constructor.constructor('return 1')(),
  'code of a function': () => (() => undefined).constructor('return 1')(),
  eval: () => (0, Object.getPrototypeOf)(async () => undefined).constructor('return 1')(),
  'what it is given': () => exports.constructor.constructor === Function && module.constructor === Object,
  'new global': () => (globalThis.left = 1),
  'new member of all objects': () => (Object.prototype.left = 1),
  'member of all objects': () => (Object.prototype.toString = () => 'left'),
  'member of all arrays': () => (Array.prototype.push = () => 'left'),
  // oxlint-disable-next-line unicorn/no-thenable
  'member of all promises': () => (Promise.prototype.then = () => 'left'),
  'member of all regular expressions': () => (RegExp.prototype.exec = () => 'left'),
  'member of all iterators': () => (Object.getPrototypeOf([][Symbol.iterator]()).next = () => 'left'),
  'member of all generators': () => (Object.getPrototypeOf(function* () {}).left = 1),
  'member of a function': () => (JSON.parse.left = 1),
  'stack traces': () => (Error.prepareStackTrace = () => 'left'),
  match: () => /secret/.exec('a secret')[0],
  'last match': () => RegExp.lastMatch + RegExp.input,
};
module.exports = (name) => ({ evaluate: async () => attacks[name]?.() });
