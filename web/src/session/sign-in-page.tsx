import { CloutAgentError } from '@cloutagent/client';
import { type FormEvent, useEffect, useId, useRef, useState } from 'react';
import { BASE_PATH } from '../routing/base-path.js';
import { ThemeToggle } from '../app/theme-toggle.js';
import { checkKey } from './api.js';
import { signIn } from './session.js';

/** Shown at every address until the user has signed in. After signing in, the page of that address appears. */
export function SignInPage({ notice }: { notice: string | null }) {
  const [key, setKey] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const [checking, setChecking] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => {
    document.title = 'Sign in · CloutAgent';
  }, []);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const trimmed = key.trim();
    const formatProblem = checkFormat(trimmed);
    setProblem(formatProblem);
    if (formatProblem !== null) return input.current?.focus();
    setChecking(true);
    try {
      signIn(await checkKey(trimmed));
    } catch (error) {
      setProblem(explain(error));
      setChecking(false);
      input.current?.focus();
    }
  };

  return (
    <main className="sign-in">
      <div className="sign-in-tools">
        <ThemeToggle />
      </div>
      <form className="card" onSubmit={(event) => void submit(event)} noValidate>
        <span className="brand">
          <img src={`${BASE_PATH}/favicon.svg`} width="28" height="28" alt="" />
          CloutAgent Executions
        </span>
        <h1>Sign in</h1>
        {notice !== null && (
          <div className="notice" role="status">
            {notice}
          </div>
        )}
        <div className="field">
          <label htmlFor={id}>API key</label>
          <input
            id={id}
            ref={input}
            className="input mono"
            type="password"
            autoComplete="off"
            spellCheck={false}
            value={key}
            onChange={(event) => {
              setKey(event.target.value);
              setProblem(null);
            }}
            aria-invalid={problem !== null}
            aria-describedby={`${id}-hint ${id}-wrong`}
            autoFocus
          />
          <span className="hint" id={`${id}-hint`}>
            The server printed a key when it first started. Only the open tabs of the dashboard keep the key;
            it is deleted when you close the last one.
          </span>
          <span className="wrong" id={`${id}-wrong`} role="alert">
            {problem}
          </span>
        </div>
        <button type="submit" className="button primary" disabled={checking}>
          {checking ? 'Checking…' : 'Sign in'}
        </button>
      </form>
    </main>
  );
}

function checkFormat(key: string): string | null {
  if (key === '') return 'Paste your API key here.';
  if (!/^[\x21-\x7e]+$/.test(key))
    return 'A key contains only ASCII characters and no spaces. Copy the complete key again.';
  return null;
}

function explain(error: unknown): string {
  if (!(error instanceof CloutAgentError)) return String(error);
  if (error.status === 401)
    return 'This key is unknown, expired or revoked. Check that you copied the complete key, or ask for a new one.';
  if (error.status === 429) return 'Too many attempts from your address. Wait a minute, then try again.';
  if (error.code === 'network')
    return 'The server cannot be reached. Check that it is running, then try again.';
  return error.message;
}
