import { describeFile, type EmbeddedFile } from '@cloutagent/contract/files';
import { type ReactNode, useState } from 'react';
import { Disclosure } from './disclosure.js';
import { visibleText } from './visible-text.js';

/** Types that are shown as pictures. Never SVG: it is a document, which may contain scripts and links. */
const PICTURE_TYPES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);
/** A larger picture could make the page slow. It can still be copied. */
const MAX_PICTURE_BYTES = 10_000_000;
const MAX_PICTURES = 20;

export interface PictureListProps {
  /** The files of a value; those that are no pictures are left out. */
  files: readonly EmbeddedFile[];
  /** What contains the files, for the accessible names: "result of search". */
  label: string;
}

/** Shows pictures from events, each when the user opens it. The page's policy has to allow `img-src data:`. */
export function PictureList({ files, label }: PictureListProps): ReactNode {
  return files
    .filter(({ mediaType, bytes }) => PICTURE_TYPES.has(mediaType) && bytes <= MAX_PICTURE_BYTES)
    .slice(0, MAX_PICTURES)
    .map((file, index) => (
      <Disclosure key={index} summary={`Picture ${index + 1}: ${visibleText(describeFile(file))}`}>
        {() => <Picture file={file} name={`Picture ${index + 1} in the ${label}`} />}
      </Disclosure>
    ));
}

function Picture({ file, name }: { file: EmbeddedFile; name: string }): ReactNode {
  const [failed, setFailed] = useState(false);
  if (failed) return <p className="ca-note">The browser cannot show this picture.</p>;
  return (
    <img
      className="ca-picture"
      alt={name}
      decoding="async"
      src={`data:${file.mediaType};base64,${file.base64}`}
      onError={() => setFailed(true)}
    />
  );
}
