/** Types of a single value, as the header names them. */
export const VALUE_TYPES = ['timestamp', 'date', 'text', 'number', 'integer', 'boolean', 'enum'] as const;
export type ValueType = (typeof VALUE_TYPES)[number];
export const PARAMETER_TYPES = [...VALUE_TYPES, 'list'] as const;
export type ParameterType = (typeof PARAMETER_TYPES)[number];

export interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  readonly required: boolean;
  /** As a request would give it; likewise `example`. */
  readonly default?: string;
  readonly example?: string;
  readonly description: string;
  /** A date given for this timestamp means that whole day: its last microsecond. */
  readonly endOfDay: boolean;
  /** The parameter this one must not come before: the two are the inclusive ends of a range. */
  readonly notBefore?: string;
  /** How wide the range of the two may be, as it was written and in milliseconds. */
  readonly maxSpan?: { readonly text: string; readonly ms: number };
  /** Inclusive bounds of the value, or of each item of a list, in PostgreSQL's notation. */
  readonly minimum?: string;
  readonly maximum?: string;
  /** What an `enum`, or each item of a list of them, may be. */
  readonly values?: readonly string[];
  /** What the items of a list are. */
  readonly of?: ValueType;
  /** How many items a list may have; it has at least one. */
  readonly maxItems?: number;
}

/** OIDs of the types and of arrays of them (pg_type.dat): the same in every server. */
const TYPE_OIDS: Record<ValueType, readonly [single: number, list: number]> = {
  ...{ timestamp: [1184, 1185], date: [1082, 1182], text: [25, 1009], number: [701, 1022], integer: [20, 1016], boolean: [16, 1000], enum: [25, 1009] },
};

/** PostgreSQL's names of the types, as its parser keeps them: no keywords, so that each is one plain name in the tree. */
const SQL_TYPES: Record<ValueType, string> = { timestamp: 'timestamptz', date: 'date', text: 'text', number: 'float8', integer: 'int8', boolean: 'bool', enum: 'text' };

/** The type of a parameter in SQL, e.g. `timestamptz` or `text[]`. */
export function sqlTypeOf({ type, of }: Pick<Parameter, 'type' | 'of'>): string {
  return type === 'list' ? `${SQL_TYPES[of ?? 'text']}[]` : SQL_TYPES[type];
}

/** The OID of that type. */
export function typeOidOf({ type, of }: Pick<Parameter, 'type' | 'of'>): number {
  return type === 'list' ? TYPE_OIDS[of ?? 'text'][1] : TYPE_OIDS[type][0];
}
