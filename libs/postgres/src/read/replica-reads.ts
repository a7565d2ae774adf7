import { channel } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import { sqlState } from '../sqlstate.js';
import type { CopyRead, CopyRequest } from './copy-read.js';
import { BehindError } from './copy-statement.js';
import { ReadError } from './read-error.js';
import type { ReadLog } from './read-report.js';

/** A read that a replica may answer when it has replayed what `arrived` asks for. */
export interface ReplicaRequest extends CopyRequest {
  /** How long it may wait for that, in milliseconds; 0 = look once. */
  readonly replicaWaitMs?: number;
}

/** What the reads are made with: a ReadRepository, or a test's own. */
export interface ReadTarget {
  copyOut(request: CopyRequest): Promise<CopyRead>;
}

/** One message for each read that a replica was to answer: `answered`; `behind` and `failed`: the primary was asked instead. */
export const REPLICA_CHANNEL = 'ingot:read:replica';

export type ReplicaOutcome = 'answered' | 'behind' | 'failed';

/** A replica replays within milliseconds or has fallen back; who waits longer is served sooner by the primary. */
const MOST_WAIT_MS = 100;
const LOOK_EVERY_MS = 5;
/** A replica that did not arrive within the whole wait is not waited for again for so long. */
const LEFT_ALONE_MS = 1_000;

const outcomes = channel(REPLICA_CHANNEL);

/**
 * Reads from a replica where it shows at least what the primary has said is published, else from the primary: when the
 * replica is behind, busy, unreachable, or had to end the statement to go on replaying. Each has a breaker of its own.
 */
export class ReplicaReads implements ReadTarget {
  private leftAloneUntil = -Infinity;

  constructor(
    private readonly replica: ReadTarget,
    private readonly primary: ReadTarget,
    private readonly log: Pick<ReadLog, 'debug'>,
  ) {}

  /** As ReadRepository.copyOut(). @throws ReadError, or the server's own error, of the server that was asked last */
  async copyOut(request: ReplicaRequest): Promise<CopyRead> {
    if (performance.now() < this.leftAloneUntil) return this.fromPrimary(request, 'behind');
    try {
      const read = await this.fromReplica(request);
      outcomes.publish('answered' satisfies ReplicaOutcome);
      return read;
    } catch (error) {
      if (request.signal?.aborted === true || !mayDoBetterElsewhere(error)) throw error;
      this.log.debug({ err: error, statement: request.name }, 'the primary answers instead of the replica');
      return this.fromPrimary(request, error instanceof BehindError ? 'behind' : 'failed');
    }
  }

  private async fromReplica(request: ReplicaRequest): Promise<CopyRead> {
    const waitMs = Math.min(request.replicaWaitMs ?? 0, MOST_WAIT_MS);
    for (const until = performance.now() + waitMs; ; await sleep(LOOK_EVERY_MS)) {
      try {
        return await this.replica.copyOut(request);
      } catch (error) {
        if (!(error instanceof BehindError)) throw error;
        const now = performance.now();
        if (waitMs === MOST_WAIT_MS && now >= until) this.leftAloneUntil = now + LEFT_ALONE_MS;
        if (now >= until || request.signal?.aborted === true) throw error;
      }
    }
  }

  private fromPrimary(request: ReplicaRequest, why: ReplicaOutcome): Promise<CopyRead> {
    outcomes.publish(why);
    return this.primary.copyOut({ ...request, arrived: undefined }); // it is where it was published
  }
}

/** A value that cannot be computed, a result too large or too slow, a cursor that is not good: the same on both. */
function mayDoBetterElsewhere(error: unknown): boolean {
  if (error instanceof BehindError) return true;
  if (error instanceof ReadError) return error.code === 'unavailable' || error.code === 'breaker open' || error.code === 'pool exhausted';
  const state = sqlState(error);
  return state !== undefined && !state.startsWith('22');
}
