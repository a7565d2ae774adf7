/**
 * The request's own URL with another cursor, or without one: a relative reference that answers from the same place,
 * whatever stands before the service. It is written anew, so that nothing a client sends gets into a header as it was.
 * @param url path and query as the client sent them, good UTF-8
 */
export function withCursor(path: string, url: string, cursor?: string): string {
  const start = url.indexOf('?');
  const query = new URLSearchParams(start < 0 ? '' : url.slice(start + 1));
  query.delete('cursor');
  if (cursor !== undefined) query.set('cursor', cursor);
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}
