import { createHash } from 'node:crypto';
import type { DescribedEndpoint, EndpointRequest, Format } from '@ingot/endpoints';
import type { Freshness } from '@ingot/models';

/** Everything an answer depends on. */
export interface TaggedAnswer {
  readonly endpoint: Pick<DescribedEndpoint, 'dataset' | 'name' | 'codeHash' | 'cacheable'>;
  readonly request: Pick<EndpointRequest, 'values' | 'limit' | 'cursor'>;
  readonly format: Pick<Format, 'name'>;
  readonly freshness: Freshness;
  /** Of the service: another one may render the same rows otherwise. */
  readonly version: string;
  /** What the client may see; all see the same so far. */
  readonly scope?: string;
}

/**
 * The weak entity tag of an answer; undefined when nobody knows whether the same request would be answered the same
 * way. The dataset's state was read before the body's snapshot is taken: at worst the tag is older than the rows.
 * The time of the watermark tells a database that was set back to an earlier state from the one it was.
 */
export function entityTag({ endpoint, request, format, freshness, version, scope = '' }: TaggedAnswer): string | undefined {
  const { runId, publication, watermarkAt } = freshness;
  if (!endpoint.cacheable || runId === undefined || publication === undefined) return undefined;
  const parts = [
    [version, scope, endpoint.dataset, endpoint.name, endpoint.codeHash, format.name],
    [runId.toString(), publication.toString(), watermarkAt?.toISOString() ?? null],
    [...request.values].sort(([a], [b]) => (a < b ? -1 : 1)),
    [request.limit ?? null, request.cursor ?? null],
  ];
  return `W/"${createHash('sha256').update(JSON.stringify(parts)).digest().subarray(0, 16).toString('base64url')}"`;
}

/**
 * Whether `If-None-Match` names this tag: any of a list, `*`, weak or strong (RFC 9110 13.1.2 compares weakly). A header
 * that is not well-formed up to the tag names nothing.
 */
export function matches(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  const item = /[\s,]*(?:W\/)?("[\x21\x23-\x7e\x80-\uffff]*")[ \t]*(?=,|$)/gy;
  const opaque = tag.replace(/^W\//, '');
  for (let match = item.exec(ifNoneMatch); match !== null; match = item.exec(ifNoneMatch)) if (match[1] === opaque) return true;
  return false;
}
