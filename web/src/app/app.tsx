import { CloutAgentProvider } from '@cloutagent/react';
import { useMemo } from 'react';
import { useLocation } from '../routing/location.js';
import { createApi } from '../session/api.js';
import { SignInPage } from '../session/sign-in-page.js';
import { useSession } from '../session/session.js';
import { CrashNotice } from './crash-notice.js';
import { pageOf } from './pages.js';
import { Shell } from './shell.js';

export function App() {
  const { credential, notice, asking } = useSession();
  if (asking) return null;
  if (!credential) return <SignInPage notice={notice} />;
  // Nothing that one key saw is left for the next.
  return <SignedIn key={credential.key} apiKey={credential.key} />;
}

function SignedIn({ apiKey }: { apiKey: string }) {
  const api = useMemo(() => createApi(apiKey), [apiKey]);
  const { path } = useLocation();
  return (
    <CloutAgentProvider client={api}>
      <Shell path={path}>
        <CrashNotice key={path}>{pageOf(path)}</CrashNotice>
      </Shell>
    </CloutAgentProvider>
  );
}
