// A file of its own, because `import()` is a syntax error on a Node.js that cloutagent.cjs refuses.
'use strict';
module.exports = () => void import('../dist/cli/main.js');
