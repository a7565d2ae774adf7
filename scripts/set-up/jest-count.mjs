import { writeFileSync } from 'node:fs';

/** Leaves the count for scripts/test.mjs, which prints it after everything that jest says. */
export default class CountReporter {
  onRunComplete(_contexts, results) {
    // A file that cannot be loaded, or a global set-up that fails, runs no test, and is a failure all the same.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    writeFileSync(process.env.INGOT_TEST_COUNT_FILE, `${results.numPassedTests} passed, ${failed} failed`);
  }
}
