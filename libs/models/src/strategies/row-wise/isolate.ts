/** Rows by number, both ends included. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Does something with all rows of a range but those that make it fail: halves what fails until the guilty rows stand
 * alone. 3 guilty rows among 1,000 take about 53 attempts.
 * @param attempt does a range whole, or leaves nothing behind and returns its fault
 * @param divert is told of each row that fails alone; what it throws ends the search
 * @param known true when the range is known to fail, so that it need not be tried whole again
 * @returns whether a row was guilty
 */
export async function isolate<Fault>(range: RowRange, attempt: (range: RowRange) => Promise<Fault | undefined>, divert: (row: number, fault: Fault) => Promise<void> | void, known = false): Promise<boolean> {
  const { from, to } = range;
  if (from > to) return false;
  if (!known || from === to) {
    const fault = await attempt(range);
    if (fault === undefined) return false;
    if (from === to) {
      await divert(from, fault);
      return true;
    }
  }
  const middle = Math.floor((from + to) / 2);
  const left = await isolate({ from, to: middle }, attempt, divert);
  // What fails as a whole fails in one of its halves, unless its rows only fail side by side: then no row is guilty.
  const right = await isolate({ from: middle + 1, to }, attempt, divert, !left);
  return left || right;
}
