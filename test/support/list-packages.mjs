import { registerHooks } from 'node:module';

/** Writes a line for each package of the AI SDK that the process loads: node --import test/support/list-packages.mjs … */
const found = new Set();
registerHooks({
  load(url, context, next) {
    const name = /node_modules\/(@ai-sdk\/[^/]+)/.exec(url)?.[1];
    if (name && !found.has(name)) {
      found.add(name);
      process.stderr.write(`loads ${name}\n`);
    }
    return next(url, context);
  },
});
