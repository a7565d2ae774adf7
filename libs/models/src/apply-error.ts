import { formatPlace, type Problem } from '@ingot/datasets';

/** Why the database cannot be made to agree with the files: one line for each reason. */
export class ApplyError extends Error {
  override readonly name = 'ApplyError';

  constructor(readonly problems: readonly Problem[], options?: ErrorOptions) {
    super(problems.map((problem) => `${formatPlace(problem)}: ${problem.message}`).join('\n'), options);
  }
}
