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
  const { credential, notice, isLoading } = useSession();
  if (isLoading) return null;
  if (!credential) return <SignInPage notice={notice} />;
  // The key prop resets all state, so that a new credential never sees data of the previous one.
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
