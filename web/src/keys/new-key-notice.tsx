import type { CreatedApiKey } from '@cloutagent/client';
import { PlainText } from '../ui/plain-text.js';
import { useId, useRef, useState } from 'react';

/** Shows a new key. This is the only time that it can be copied. */
export function NewKeyNotice({ created, onClose }: { created: CreatedApiKey; onClose: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const [outcome, setOutcome] = useState('');
  const id = useId();
  const copy = async () => {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(created.key);
      setOutcome('Copied.');
    } catch {
      // A page without HTTPS has no clipboard API, or the browser refuses access.
      setOutcome('The browser refused to copy. The key is selected: copy it yourself.');
    }
  };
  return (
    <div className="notice success" role="status">
      <strong>
        Key “<PlainText text={created.name} />” was created. Copy it now: it is not shown again.
      </strong>
      <div className="row">
        <label className="visually-hidden" htmlFor={id}>
          New key
        </label>
        <input
          id={id}
          ref={field}
          className="input mono new-key"
          readOnly
          value={created.key}
          onFocus={(event) => event.target.select()}
        />
        <button type="button" className="button primary" onClick={() => void copy()}>
          Copy
        </button>
        <button type="button" className="button" onClick={onClose}>
          I have stored it
        </button>
        <span aria-live="polite">{outcome}</span>
      </div>
    </div>
  );
}
