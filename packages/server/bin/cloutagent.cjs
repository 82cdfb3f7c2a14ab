#!/usr/bin/env node
// Checks the version of Node.js before anything else is loaded. This file must parse on every Node.js, also on very old
// ones, so it is CommonJS and ES5.
'use strict';
var MIN_MAJOR = 24;
if (Number(process.versions.node.split('.')[0]) < MIN_MAJOR) {
  console.error(
    'cloutagent needs Node.js ' +
      MIN_MAJOR +
      ' or newer, but this is Node.js ' +
      process.versions.node +
      '.\n' +
      'Install it from https://nodejs.org or with "nvm install ' +
      MIN_MAJOR +
      '", or only for this project with\n' +
      '"npm install node@' +
      MIN_MAJOR +
      '". Then run the command again.',
  );
  process.exit(1);
}
require('./start.cjs')();
