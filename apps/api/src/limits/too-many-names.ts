import type { AdmissibleLines } from '../admission.js';
import { rejections } from '../measuring-points.js';
import { Problem } from '../problem.js';
import type { NamePlace } from './line-names.js';

const MAX_LISTED = 100;
const LINE_FEED = 10;

/** The problem of a body with names that find no room: each of them by the first line that holds it. */
export function tooManyNames(relation: string, { body, lines, device }: AdmissibleLines, surplus: readonly NamePlace[], most: number): Problem {
  const errors = surplus.slice(0, MAX_LISTED).map(({ start, end }) => {
    const lineStart = body.lastIndexOf(LINE_FEED, start) + 1;
    const name = body.toString('latin1', start, end);
    const detail = `${JSON.stringify(name)} would be one name more than the ${most} that a device may have. Is a value or a serial number part of it? INGOT_MAX_NAMES_PER_DEVICE is the limit.`;
    return { line: lineNumber(body, lineStart), column: start - lineStart + 1, code: 'too-many-names' as const, detail };
  });
  rejections.publish({ relation, errors, totalErrors: surplus.length });
  const [first] = errors;
  const words = `The device ${JSON.stringify(device)} has as many names as it may have; ${surplus.length} more in ${lines} lines were rejected, nothing was stored. The first: line ${first?.line}, column ${first?.column}: ${first?.detail}`;
  return new Problem('invalid-lines', words, { members: { errors, total_errors: surplus.length } });
}

function lineNumber(body: Buffer, lineStart: number): number {
  let line = 1;
  for (let at = body.indexOf(LINE_FEED); at !== -1 && at < lineStart; at = body.indexOf(LINE_FEED, at + 1)) line++;
  return line;
}
