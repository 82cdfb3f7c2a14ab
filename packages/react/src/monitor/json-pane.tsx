import type { Json } from '@cloutagent/contract';
import { type ReactNode, useMemo } from 'react';
import { TextLog } from '../store/text-log.js';
import { TextPane } from './text-pane.js';

/** Shows a JSON value as text, and a string as it is. */
export function JsonPane({ value, label }: { value: Json; label: string }): ReactNode {
  const text = useMemo(() => {
    const log = new TextLog(Infinity);
    log.append(typeof value === 'string' ? value : JSON.stringify(value, null, 2));
    return log.view();
  }, [value]);
  return <TextPane text={text} label={label} />;
}
