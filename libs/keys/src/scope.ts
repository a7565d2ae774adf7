/** What a key may be allowed, least first. */
export const SCOPES = ['ingest', 'read:own', 'read:all', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}

/** The scopes with those they include: `read:all` reads its own rows too, `admin` may do everything. Without a device there are no rows of one's own. */
export function grantedScopes(given: readonly Scope[], device: string | undefined): ReadonlySet<Scope> {
  const granted = new Set<Scope>(given.includes('admin') ? SCOPES : given);
  if (granted.has('read:all')) granted.add('read:own');
  else if (device === undefined) granted.delete('read:own');
  return granted;
}
