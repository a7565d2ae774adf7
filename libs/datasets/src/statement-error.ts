/** What is wrong in a statement, at an index into its text. */
export interface StatementProblem {
  readonly index: number;
  readonly message: string;
}

/** A text is not one SELECT that only reads. */
export class StatementError extends Error {
  override readonly name = 'StatementError';
  constructor(readonly problems: readonly StatementProblem[]) {
    super(problems.map(({ message }) => message).join('\n'));
  }
}
