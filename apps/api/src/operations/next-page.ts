/** The value of a `Link` header (RFC 8288) to the next page of a list. Values of a query string are escaped. */
export function nextPage(path: string, query: object): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined) as [string, string | number][];
  return `<${path}?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString()}>; rel="next"`;
}
