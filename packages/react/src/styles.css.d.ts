// Lets TypeScript accept `import '@cloutagent/react/styles.css'` without the types of a bundler.
export {};
