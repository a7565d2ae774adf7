import type { CopyRequest } from '@ingot/postgres';
import type { Endpoint } from '../endpoint.js';
import { endpointQuery } from '../endpoint-read.js';
import type { Format } from '../formats/format.js';
import type { EndpointRequest } from '../request-parameters.js';
import { fillTemplate, type SqlTemplate } from '../sql-template.js';
import { CursorError, type Cursor } from './cursor.js';
import { endTemplate, stateTemplate } from './end-template.js';
import { boundName, type PageEnd } from './keyset.js';
import { DATASET, ROWS, rowsTemplate, RUN, type Paged, type PageShape } from './page-template.js';

/** The read of one page. */
export interface PageRead {
  readonly copy: Omit<CopyRequest, 'signal'>;
  /** Once the read has started: where the next page begins; undefined when this one is the last. */
  readonly next: () => Cursor | undefined;
}

/** What is asked before a page, in its snapshot. */
interface Before {
  readonly run_id: string;
  readonly publication: string;
  readonly arm: number | null;
  readonly row_keys: (string | null)[] | null;
}

/** True when a request is for a page, not for the whole answer. */
export function isPage({ arms }: Pick<Endpoint, 'arms'>, { limit, cursor }: Pick<EndpointRequest, 'limit' | 'cursor'>): boolean {
  return arms.length > 0 && (limit !== undefined || cursor !== undefined);
}

/**
 * The first page, or the one that a cursor points to. Page one is what its snapshot shows; later ones show of growing
 * relations the rows of page one's run, and of all others what they hold now. Where rows of equal keys meet at the end
 * of a page they all belong to it, so that none is lost when an order is not as unique as its author says.
 * @throws CursorError, when the read starts, for a cursor into what was published before
 */
export function pageRead(endpoint: Endpoint, request: EndpointRequest, format: Format, cursor?: Cursor): PageRead {
  const { limit, values } = request;
  const after = cursor !== undefined;
  const from = { firstArm: cursor?.arm ?? 0, after, asOfRun: after };
  const known = new Map([...values, ...bounds('after', cursor), [RUN, cursor?.runId.toString() ?? null], [DATASET, endpoint.dataset], [ROWS, String(limit ?? 0)]] as const);
  let next: Cursor | undefined;
  return {
    next: () => next,
    copy: {
      ...endpointQuery(endpoint, request),
      before: fillTemplate(limit === undefined ? stateTemplate() : endTemplate(endpoint, from), known),
      copy: (columns, [before]) => {
        next = endOf(endpoint, before as Before | undefined, cursor);
        const shape: PageShape = { ...from, lastArm: next?.arm ?? endpoint.arms.length - 1, upTo: next !== undefined };
        return format.copy(fillTemplate(rowsTemplate(endpoint, shape), new Map([...known, ...bounds('up to', next)])), columns);
      },
    },
  };
}

/** Statements of the shape that has everything, for the database to look at before the first page is asked for. */
export function pageTemplates(paged: Paged): SqlTemplate[] {
  if (paged.arms.length === 0) return [];
  const shape = { firstArm: 0, lastArm: paged.arms.length - 1, after: true, upTo: true, asOfRun: true };
  return [rowsTemplate(paged, shape), endTemplate(paged, shape)];
}

function bounds(end: PageEnd, cursor: Cursor | undefined): [string, string][] {
  return (cursor?.keys ?? []).map((value, i) => [boundName(end, i), value]);
}

function endOf(endpoint: Endpoint, before: Before | undefined, cursor: Cursor | undefined): Cursor | undefined {
  const [runId, publication] = [BigInt(before?.run_id ?? 0), BigInt(before?.publication ?? 0)];
  if (cursor !== undefined && cursor.publication !== publication) throw new CursorError('expired', 'points into tables that have been computed anew since');
  if (cursor !== undefined && cursor.runId > runId) throw new CursorError('expired', 'is of a database that was restored to an earlier state since');
  if (before?.arm == null || before.row_keys === null) return undefined;
  const keys = before.row_keys.map((key) => {
    if (key === null) throw new Error(`${endpoint.file}: a row's sort key is null: the rows behind it would be lost`);
    return key;
  });
  return { arm: before.arm, keys, runId: cursor?.runId ?? runId, publication };
}
