import { config } from 'zod/v4/core';

// Must run before the first schema is created. Otherwise Zod tries `new Function`, which the page's content security
// policy blocks and reports.
config({ jitless: true });
