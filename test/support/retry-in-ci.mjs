// In CI a test that failed is tried once more, and its first error is shown: real processes, databases and browsers share
// two cores there. At home a failure is a failure.
if (process.env.CI) import.meta.jest.retryTimes(1, { logErrorsBeforeRetry: true });
