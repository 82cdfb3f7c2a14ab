// Unpacks the Chromium that comes inside @sparticuz/chromium into the folder given as argument.
// A process of its own, for the package takes its target from TMPDIR and writes it without a lock.
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

// Makes it unpack the system libraries too, which a bare Debian does not have (NSS, NSPR, expat).
process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs24.x';
const { default: chromium } = await import('@sparticuz/chromium');
const path = await chromium.executablePath();
if (basename(path) !== 'chromium')
  throw new Error(`${fileURLToPath(import.meta.url)}: unexpected path ${path}`);
