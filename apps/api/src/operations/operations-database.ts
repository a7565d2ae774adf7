import { openRunHistory, type RunHistory } from '@ingot/db';
import { isConnectionError, isPoolExhausted, NoAnswerError, sqlState, SQLSTATE, withConnectionFor, type Connection, type ConnectionPool } from '@ingot/postgres';
import { Problem } from '../problem.js';

/** How long one question may take the server, and how long it may wait for a lock. */
export const OPERATIONS_SETTINGS = { statement_timeout: '3000', lock_timeout: '1000', jit: 'off' };

/**
 * What operators ask of the database, on a few sessions of its own: neither runs nor reads wait for it, and what takes
 * too long is given up with a 503.
 */
export class OperationsDatabase {
  private history: Promise<RunHistory> | undefined;

  /**
   * @param url of the run history, which TypeORM reads on a session of its own, opened when it is first asked for
   * @param answerMs for an answer that takes several statements, and for a server that gives none
   */
  constructor(
    private readonly pool: ConnectionPool,
    private readonly url: string,
    private readonly answerMs = 5_000,
  ) {}

  /** @throws Problem: overloaded, database-unavailable; else what the work throws */
  async ask<T>(work: (client: Connection) => Promise<T>): Promise<T> {
    try {
      return await withConnectionFor(this.pool, this.answerMs, work);
    } catch (error) {
      throw toProblem(error);
    }
  }

  /** The same with the run ledger as entities. */
  async askHistory<T>(work: (history: RunHistory) => Promise<T>): Promise<T> {
    const history = (this.history ??= openRunHistory({ url: this.url, name: 'ingot history', acquireTimeoutMs: this.answerMs, settings: OPERATIONS_SETTINGS }));
    let timer: NodeJS.Timeout | undefined;
    const silent = new Promise<never>((_resolve, reject) => {
      const giveUp = (): void => reject(new NoAnswerError(`no answer within ${this.answerMs} ms`));
      // From when it is open: loading TypeORM is our own work, seconds on a machine that is busy elsewhere.
      history.then(() => (timer = setTimeout(giveUp, this.answerMs)), () => this.forget(history));
    });
    try {
      return await Promise.race([history.then(work), silent]);
    } catch (error) {
      // A silent connection would keep the only session: the next question opens another one.
      if (isConnectionError(error)) this.forget(history);
      throw toProblem(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    await (await this.history?.catch(() => undefined))?.close();
  }

  private forget(history: Promise<RunHistory>): void {
    if (this.history === history) this.history = undefined;
    history.then((opened) => opened.close()).catch(() => undefined);
  }
}

const BUSY = 'The database did not answer in the time such a question may take. Try again.';

function toProblem(error: unknown): unknown {
  const state = sqlState(error);
  const isBusy = state === SQLSTATE.queryCanceled || state === SQLSTATE.lockNotAvailable || isPoolExhausted(error);
  return isBusy ? new Problem('overloaded', BUSY, { cause: error }) : error;
}
