/** Why a read gave no result, as a stable code. All of them may go away by themselves. */
export type ReadErrorCode =
  /** Every connection stayed busy for the acquire timeout. */
  | 'pool exhausted'
  /** The database failed so often lately that it is left alone for a while. */
  | 'breaker open'
  /** The database could not be reached, or a lock was not to be had, in all attempts. */
  | 'unavailable'
  /** The statement was over its limit. */
  | 'too slow'
  /** The result has more rows than the request allows. */
  | 'too many rows'
  /** As many large answers as may be are under way, and none ended in time. */
  | 'large reads busy'
  /** What clients have not taken of their answers fills the disk space there is for it. */
  | 'spool full'
  /** The client went away; nobody is left to answer. */
  | 'abandoned';

export class ReadError extends Error {
  override readonly name = 'ReadError';
  constructor(
    readonly code: ReadErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
