import { resolve } from 'node:path';
import type { Settings } from '../config/settings.js';

/** Where the built dashboard is; by default beside the application, wherever it is started from. */
export const webFolder = ({ WEB_DIR }: Pick<Settings, 'WEB_DIR'>): string =>
  WEB_DIR === undefined ? resolve(import.meta.dirname, '../../web/dist') : resolve(WEB_DIR);
