/** A query string as given: name -> its values, one for each time it occurs; undefined for one that is not UTF-8. */
export type Query = ReadonlyMap<string, readonly (string | undefined)[]>;

/**
 * Reads the query of a request's URL. `+` is a space, as in forms. The parsers at hand give `%ff` back as text or as
 * U+FFFD, and a filter on that answers a question nobody asked.
 * @param url path and query as the client sent them, e.g. `/data?from=2022-04-14`
 */
export function readQuery(url: string): Query {
  const query = new Map<string, (string | undefined)[]>();
  const start = url.indexOf('?');
  if (start < 0) return query;
  for (const pair of url.slice(start + 1).split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const [rawName, rawValue] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
    const name = decode(rawName) ?? rawName;
    const values = query.get(name);
    if (values === undefined) query.set(name, [decode(rawValue)]);
    else values.push(decode(rawValue));
  }
  return query;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
