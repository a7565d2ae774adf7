import type { Place } from './dataset.js';

/** What is wrong at one place of one file, in words for the person who wrote it. */
export interface Problem extends Place {
  readonly message: string;
}

/** Every problem of the files of a project at once, in the order of file and position. */
export class DatasetError extends Error {
  override readonly name: string = 'DatasetError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const sorted = [...problems].sort(byPlace);
    super(sorted.map(formatProblem).join('\n'));
    this.problems = sorted;
  }
}

/** Collects problems, so that one attempt shows all of them; the same problem at the same place is kept once. */
export class Problems {
  private readonly found = new Map<string, Problem>();

  add(place: Place, message: string): void {
    const problem = { file: place.file, line: place.line, column: place.column, message };
    this.found.set(formatProblem(problem), problem);
  }

  /** What is read; nothing, with the problems added, when it cannot be read. */
  async gather<T>(read: Promise<readonly T[]>): Promise<readonly T[]> {
    try {
      return await read;
    } catch (error) {
      if (!(error instanceof DatasetError)) throw error;
      for (const problem of error.problems) this.add(problem, problem.message);
      return [];
    }
  }

  get size(): number {
    return this.found.size;
  }

  get list(): readonly Problem[] {
    return [...this.found.values()].sort(byPlace);
  }

  /** @throws DatasetError when anything was added */
  throwIfAny(): void {
    if (this.found.size > 0) throw new DatasetError(this.list);
  }
}

/** `file:line:column`, as terminals and editors link it. */
export function formatPlace(place: Place): string {
  return `${place.file}:${place.line}:${place.column}`;
}

function formatProblem(problem: Problem): string {
  return `${formatPlace(problem)}: ${problem.message}`;
}

function byPlace(a: Problem, b: Problem): number {
  return compareText(a.file, b.file) || a.line - b.line || a.column - b.column || compareText(a.message, b.message);
}

/** Order by UTF-16 units: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
