import { ConfigError } from '@ingot/config';
import type { Place, Problem } from '@ingot/datasets';
import type { Io } from '../io.js';
import { formatProblem, projectTexts, type ReadText } from './located.js';

/**
 * What a command that was stopped by an error says: problems of files with their line and a caret, known errors as
 * their message. Each carries one clear line for each problem; a stack trace would hide it.
 */
export function formatError(io: Io, error: unknown, read: ReadText = projectTexts(io.env.INGOT_SQL_DIR || 'sql')): string {
  if (error instanceof ConfigError) return `Wrong configuration:\n${error.message}`;
  const problems = problemsOf(error);
  if (problems.length > 0) return problems.map((problem) => formatProblem(io, problem, read)).join('\n');
  return error instanceof Error ? error.message || error.name : String(error);
}

/** The located problems of a DatasetError, an ApplyError or a RunFailure, and of what a later error calls its own. */
function problemsOf(error: unknown): readonly Problem[] {
  const { problems, place, message } = (error ?? {}) as { problems?: readonly Problem[]; place?: Place; message?: string };
  if (Array.isArray(problems)) return problems.filter(isLocated);
  if (!isLocated(place)) return [];
  const text = message ?? '';
  const prefix = `${place.file}:${place.line}:${place.column}: `;
  return [{ file: place.file, line: place.line, column: place.column, message: text.startsWith(prefix) ? text.slice(prefix.length) : text }];
}

function isLocated(value: unknown): value is Problem {
  const { file, line, column } = (value ?? {}) as Partial<Place>;
  return typeof file === 'string' && typeof line === 'number' && typeof column === 'number';
}

/** The same for machines: what a failed run or a wrong file is about. */
export function toJsonError(error: unknown) {
  const { model, sqlState } = (error ?? {}) as { model?: string; sqlState?: string };
  const message = error instanceof Error ? error.message : String(error);
  const problems = problemsOf(error).map(({ file, line, column, message: text }) => ({ file, line, column, message: text }));
  return { message, ...(model === undefined ? {} : { model }), ...(sqlState === undefined ? {} : { sqlstate: sqlState }), ...(problems.length === 0 ? {} : { problems }) };
}
