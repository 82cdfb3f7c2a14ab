// So that `import '@cloutagent/react/styles.css'` is known to TypeScript without a bundler's types.
export {};
