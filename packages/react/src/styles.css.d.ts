// So that `import '@cloutagent/react/styles.css'` is known to TypeScript without a bundler's types.
// oxlint-disable-next-line unicorn/require-module-specifiers -- makes this file a module
export {};
