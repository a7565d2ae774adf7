import type { FastifyReply, FastifyRequest } from 'fastify';

/** The lines of one request as far as limits are concerned. */
export interface AdmissibleLines {
  /** The decoded body. */
  readonly body: Buffer;
  /** Start and end offset of each line in turn. */
  readonly ranges: readonly number[];
  readonly lines: number;
  readonly device: string;
}

/** What was taken of a limit for a request whose outcome is not known yet. */
export interface Admitted {
  /** The lines are stored; `replayed`: they had been before. */
  stored(replayed: boolean): void;
  /** They are not, or nobody knows: what was taken is given back. */
  lost(): void;
}

/**
 * Who may send how much: asked by ingest, answered by limits. Both are synchronous when what they need is in memory, so
 * that a request within its limits costs no promise.
 */
export interface Admission {
  /** Before a byte of the body is read. What it returns says why the request is refused. */
  refuse(request: FastifyRequest): Error | undefined;
  /**
   * When the lines are known, before they are stored. Undefined = nothing to be told of the outcome.
   * @param relation the bronze table they are for
   * @throws Problem quota-exceeded, too-many-devices, invalid-lines (too many names)
   */
  admit(request: FastifyRequest, reply: FastifyReply, relation: string, lines: AdmissibleLines): Admitted | undefined | Promise<Admitted | undefined>;
}

/** Where nothing is sent there is nothing to limit. */
export const UNLIMITED: Admission = { refuse: () => undefined, admit: () => undefined };
