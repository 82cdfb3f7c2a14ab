// Unpacks the Chromium of @sparticuz/chromium into TMPDIR. It runs in a separate process, because the package takes its
// target from TMPDIR and writes there without a lock.
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

// Makes the package unpack system libraries too (NSS, NSPR, expat), which a minimal Debian does not have.
process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs24.x';
const { default: chromium } = await import('@sparticuz/chromium');
const path = await chromium.executablePath();
if (basename(path) !== 'chromium')
  throw new Error(`${fileURLToPath(import.meta.url)}: unexpected path ${path}`);
