import { resolve } from 'node:path';
import type { Settings } from '../config/settings.js';

/** Returns the folder of the built dashboard. The default is relative to the application, not to the working directory. */
export const webFolder = ({ WEB_DIR }: Pick<Settings, 'WEB_DIR'>): string =>
  WEB_DIR === undefined ? resolve(import.meta.dirname, '../../web/dist') : resolve(WEB_DIR);
