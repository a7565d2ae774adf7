import type { ResultColumn } from '@ingot/postgres';
import pg from 'pg';
import type { JsonSchema } from '../../documented.js';

const { builtins } = pg.types;
const NAME = 19; // pg_type.dat; not among the driver's

/** How a PostgreSQL type looks in JSON. */
const SCHEMAS: ReadonlyMap<number, JsonSchema> = new Map<number, JsonSchema>([
  ...[builtins.TEXT, builtins.VARCHAR, builtins.BPCHAR, NAME].map((type) => [type, { type: 'string' }] as const),
  ...[builtins.INT2, builtins.INT4, builtins.INT8, builtins.OID].map((type) => [type, { type: 'integer' }] as const),
  ...[builtins.FLOAT4, builtins.FLOAT8, builtins.NUMERIC].map((type) => [type, { type: 'number' }] as const),
  [builtins.BOOL, { type: 'boolean' }],
  [builtins.TIMESTAMPTZ, { type: 'string', format: 'date-time' }],
  [builtins.DATE, { type: 'string', format: 'date' }],
  [builtins.UUID, { type: 'string', format: 'uuid' }],
]);
/** Any JSON: what to_jsonb() makes of the others. */
const ANY: JsonSchema = {};

/** One row of a result as a JSON object. A column may be null, or is left out of a row instead. */
export function rowSchema(columns: readonly ResultColumn[], omitNull: readonly string[]): JsonSchema {
  const isOmitted = ({ name }: ResultColumn): boolean => omitNull.includes(name);
  const required = columns.filter((column) => !isOmitted(column)).map(({ name }) => name);
  return {
    type: 'object',
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(columns.map((column) => [column.name, isOmitted(column) ? schemaOf(column) : orNull(schemaOf(column))])),
  };
}

function schemaOf({ type }: ResultColumn): JsonSchema {
  return SCHEMAS.get(type) ?? ANY;
}

function orNull(schema: JsonSchema): JsonSchema {
  return typeof schema.type === 'string' ? { ...schema, type: [schema.type, 'null'] } : schema;
}
