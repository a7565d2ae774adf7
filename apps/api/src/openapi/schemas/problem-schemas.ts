import type { JsonSchema } from '../../documented.js';
import { PROBLEMS, problemType, type ProblemCode } from '../../problem.js';

const TEXT = { type: 'string' };
const object = (properties: Record<string, JsonSchema>, optional: readonly string[] = []): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
});
const listOf = (items: JsonSchema, description: string): JsonSchema => ({ type: 'array', items, description });

const ROUTES = listOf(object({ method: TEXT, path: TEXT }), 'The routes that are spelt like it, nearest first.');
const PARAMETERS = listOf(
  object({ parameter: TEXT, code: { type: 'string', enum: ['missing', 'invalid', 'repeated', 'unknown', 'order', 'too-wide'] }, detail: TEXT }),
  'Every wrong parameter.',
);
const LINES = { ...listOf(object({ line: { type: 'integer', minimum: 1 }, column: { type: 'integer', minimum: 1 }, code: TEXT, detail: TEXT }), 'The first hundred rejected lines.'), maxItems: 100 };
const OUTCOME = { type: 'string', enum: ['not_stored', 'unknown'], description: 'What became of the lines of a POST.' };

interface Members {
  readonly required?: Readonly<Record<string, JsonSchema>>;
  readonly optional?: Readonly<Record<string, JsonSchema>>;
}

/** What the body of a problem holds beside the members of each. */
const MEMBERS: Partial<Record<ProblemCode, Members>> = {
  'invalid-lines': { required: { errors: LINES, total_errors: { type: 'integer', minimum: 1 } } },
  'invalid-parameter': { required: { errors: PARAMETERS } },
  'not-found': { optional: { nearest: ROUTES } },
  'quota-exceeded': { required: { 'violated-policies': { type: 'array', minItems: 1, items: { type: 'string', enum: ['lines', 'bytes'] }, description: 'Which quota: lines a second, or bytes of the day; named as in RateLimit-Policy.' } } },
  'cursor-expired': { optional: { first: { type: 'string', description: 'The first page, to start again.' } } },
  overloaded: { optional: { outcome: OUTCOME } },
  'database-unavailable': { optional: { outcome: OUTCOME } },
  'identity-unavailable': { optional: { outcome: OUTCOME } },
  'shutting-down': { optional: { outcome: OUTCOME } },
  'insufficient-storage': { optional: { outcome: OUTCOME } },
};

export const PROBLEM_CODES = Object.keys(PROBLEMS) as ProblemCode[];

/** The name of a code's schema among the components, e.g. `problem-not-found`. */
export function problemSchemaName(code: ProblemCode): string {
  return `problem-${code}`;
}

/** Code -> the JSON Schema of its body, strict: a member that is not named here is none. */
export function problemSchemas(): Record<string, JsonSchema> {
  return Object.fromEntries(PROBLEM_CODES.map((code) => [problemSchemaName(code), problemSchema(code)]));
}

function problemSchema(code: ProblemCode): JsonSchema {
  const [status, title] = PROBLEMS[code];
  const { required = {}, optional = {} } = MEMBERS[code] ?? {};
  return object(
    {
      success: { const: false },
      type: { const: problemType(code) },
      title: { const: title },
      status: { const: status },
      detail: TEXT,
      instance: { type: 'string', description: 'The id of the request, also in the header X-Request-Id and in the log.' },
      ...required,
      ...optional,
    },
    Object.keys(optional),
  );
}
