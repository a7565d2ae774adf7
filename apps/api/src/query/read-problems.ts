import { CursorError, ParameterError, readRequest, type Endpoint, type EndpointRequest } from '@ingot/endpoints';
import { ReadError, sqlState, toReadError } from '@ingot/postgres';
import { Problem, wrongParameters } from '../problem.js';

/** The request's parameters. @throws Problem invalid-parameter with every wrong one */
export function parametersOf(endpoint: Endpoint, url: string): EndpointRequest {
  try {
    return readRequest(endpoint, url);
  } catch (error) {
    if (!(error instanceof ParameterError)) throw error;
    throw wrongParameters(error.problems, error);
  }
}

/**
 * What a failed request is answered with; an error that is nobody's but ours stays as it is.
 * @param error as it was thrown, also by a body that broke before any of it was out
 * @param first path and query of the first page: the way out of a cursor that is not good any more
 */
export function toQueryProblem(error: unknown, first: string): unknown {
  if (error instanceof Problem) return error;
  return error instanceof CursorError ? cursorProblem(error, first) : toReadProblem(toReadError(error));
}

function cursorProblem(error: CursorError, first: string): Problem {
  if (error.reason === 'invalid') {
    return wrongParameters([{ parameter: 'cursor', code: 'invalid', detail: error.message }], error);
  }
  return new Problem('cursor-expired', `The cursor ${error.message}. Begin again with the first page, without a cursor.`, { headers: { link: `<${first}>; rel="first"` }, members: { first }, cause: error });
}

/** undefined_table, undefined_column, undefined_function (and operators), datatype_mismatch, cannot_coerce: what was right at the start. */
const OTHER_FILES = new Set(['42P01', '42703', '42883', '42804', '42846']);

function toReadProblem(error: unknown): unknown {
  if (error instanceof ReadError) return readProblem(error);
  if (!OTHER_FILES.has(sqlState(error) ?? '')) return error;
  return new Problem('not-applied', 'The database does not hold what this endpoint reads: other files are applied than this process was started with.', { cause: error });
}

function readProblem(error: ReadError): Problem {
  switch (error.code) {
    case 'pool exhausted':
      return new Problem('overloaded', 'All connections for reading are busy. Try again.', { cause: error });
    case 'too slow':
      return new Problem('overloaded', 'The rows could not be read in the time a read may take. Ask for a smaller range.', { cause: error });
    case 'too many rows':
      return new Problem('too-many-rows', `${error.message}. Ask for a smaller range.`, { cause: error });
    case 'large reads busy':
      return new Problem('overloaded', 'As many large answers as can be given at a time are under way. Try again.', { cause: error });
    case 'spool full':
      return new Problem('overloaded', 'There is no room to keep large answers for clients that take them slowly. Try again, or ask for a smaller range.', { cause: error });
    case 'breaker open':
    case 'unavailable':
      return new Problem('database-unavailable', 'The database cannot be read at the moment. Try again.', { cause: error });
    case 'abandoned':
      return new Problem('request-timeout', 'The client went away.', { cause: error });
  }
}
