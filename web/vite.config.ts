import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  experimental: {
    // Chunks find each other from any base path. In the page the server writes the base path before each URL.
    renderBuiltUrl: (_file, { hostType }) => (hostType === 'html' ? undefined : { relative: true }),
  },
  build: {
    // These browsers support light-dark(). They also support modulepreload, so its polyfill is not necessary.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    modulePreload: { polyfill: false },
    // Do not inline assets as data: URLs: a browser caches files, and pictures of tools are the only data: URLs of a page.
    assetsInlineLimit: 0,
  },
  server: { proxy: { '/api': 'http://127.0.0.1:3000' } },
});
