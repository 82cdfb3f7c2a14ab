import type { Json } from '@cloutagent/contract';
import { separateFiles } from '@cloutagent/contract/files';
import { type ReactNode, useMemo } from 'react';
import { TextLog } from '../store/text-log.js';
import { PictureList } from './picture-list.js';
import { TextPane } from './text-pane.js';

const toText = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

/** Shows a JSON value as text, and a string as it is. Files are shown by type and size; a copy has their data. */
export function JsonPane({ value, label }: { value: Json; label: string }): ReactNode {
  const { text, files } = useMemo(() => {
    const separated = separateFiles(value);
    const log = new TextLog(Infinity);
    log.append(toText(separated.value));
    return { text: log.view(), files: separated.files };
  }, [value]);
  return (
    <>
      <TextPane text={text} label={label} copy={() => toText(value)} />
      <PictureList files={files} label={label} />
    </>
  );
}
