// Lets TypeScript accept `import '@cloutagent/react/styles.css'` without the types of a bundler.
// oxlint-disable-next-line unicorn/require-module-specifiers -- makes this file a module
export {};
