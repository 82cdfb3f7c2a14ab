import { CloutAgentError } from '@cloutagent/client';
import { type FormEvent, useEffect, useId, useRef, useState } from 'react';
import { ThemeToggle } from '../app/theme-toggle.js';
import { checkKey } from './api.js';
import { signIn } from './session.js';

/** Shown at whatever address one came to; once signed in, that page is there. */
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
    const given = key.trim();
    const wrong = formProblem(given);
    setProblem(wrong);
    if (wrong !== null) return input.current?.focus();
    setChecking(true);
    try {
      signIn(await checkKey(given));
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
          <img src="/favicon.svg" width="28" height="28" alt="" />
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
            The first start of the server printed one. It stays in the dashboard’s open tabs and is forgotten
            when you close the last one.
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

function formProblem(key: string): string | null {
  if (key === '') return 'Paste your API key here.';
  if (!/^[\x21-\x7e]+$/.test(key))
    return 'A key has no spaces and no letters but ASCII ones: copy it again, whole.';
  return null;
}

function explain(error: unknown): string {
  if (!(error instanceof CloutAgentError)) return String(error);
  if (error.status === 401)
    return 'The server does not know this key, or it has expired or was revoked. Check that you copied all of it, or ask for a new one.';
  if (error.status === 429) return 'Too many attempts from your address. Wait a minute, then try again.';
  if (error.code === 'network') return 'The server cannot be reached. Check that it runs, then try again.';
  return error.message;
}
