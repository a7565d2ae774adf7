import { editDistance } from '@ingot/datasets';
import { Problem } from './problem.js';

interface Route {
  readonly method: string;
  /** As declared, e.g. `/runs/:id`. */
  readonly path: string;
}

const MAX_NEAREST = 3;
/** A longer path is nothing mistyped: comparing two takes the product of their lengths, in time and in memory. */
const LONGEST_COMPARED = 200;

/** Every route the service answers, to say what a request without one may have meant. */
export class Routes {
  private readonly routes: Route[] = [];

  add(methods: string | readonly string[], path: string): void {
    for (const method of [methods].flat()) if (!this.routes.some((route) => route.method === method && route.path === path)) this.routes.push({ method, path });
  }

  /** The methods a path answers, sorted; none when there is no such path. */
  methodsOf(path: string): string[] {
    return this.routes.filter((route) => matches(route.path, path)).map(({ method }) => method).sort();
  }

  /** Why a request has no answer: another method of the path would have one (405), or there is no such path (404). */
  refusal(method: string, path: string): Problem {
    const allowed = this.methodsOf(path);
    if (allowed.length > 0) return new Problem('method-not-allowed', `${path} answers ${allowed.join(', ')}.`, { headers: { allow: allowed.join(', ') } });
    const nearest = this.nearest(method, path);
    const hint = nearest.length === 0 ? 'GET /docs lists the routes.' : `Did you mean ${nearest.map((route) => `${route.method} ${route.path}`).join(', ')}?`;
    return new Problem('not-found', `There is no route ${method} ${shorten(path)}. ${hint}`, { members: { nearest } });
  }

  /** The routes fewest edits away, at most a third of their letters, those of the method asked for first; parameters of a route stand for whatever was asked. */
  private nearest(method: string, path: string): Route[] {
    if (path.length > LONGEST_COMPARED) return [];
    const asked = path.toLowerCase().split('/');
    const near = this.routes.flatMap((route) => {
      const meant = route.path.split('/').map((part, i) => (isParameter(part) ? (asked[i] ?? '') : part)).join('/');
      // The edits are at least the difference in length.
      const most = Math.floor(meant.length / 3);
      if (route.method === 'HEAD' || Math.abs(meant.length - path.length) > most) return [];
      const edits = editDistance(asked.join('/'), meant);
      return edits <= most ? [{ route, edits }] : [];
    });
    const isOther = ({ route }: { readonly route: Route }): number => Number(route.method !== method);
    return near.sort((a, b) => a.edits - b.edits || isOther(a) - isOther(b)).slice(0, MAX_NEAREST).map(({ route }) => route);
  }
}

/** The path of a request target, which may be a whole URL (RFC 9112, 3.2.2); a `/` at its end makes no difference. */
export function pathOf(target: string): string {
  const path = target.replace(/^[a-z]+:\/\/[^/?#]*/i, '').split(/[?#]/, 1)[0] ?? '';
  return path.length > 1 ? path.replace(/\/$/, '') : path || '/';
}

function isParameter(part: string): boolean {
  return part.startsWith(':');
}

function matches(route: string, path: string): boolean {
  const [wanted, given] = [route.split('/'), path.split('/')];
  return wanted.length === given.length && wanted.every((part, i) => (isParameter(part) ? given[i] !== '' : part === given[i]));
}

function shorten(path: string): string {
  return path.length > 200 ? `${path.slice(0, 200)}…` : path;
}
