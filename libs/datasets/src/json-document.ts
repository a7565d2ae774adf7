type SnakeCase<S extends string> = S extends `${infer Head}${infer Tail}` ? (Head extends Lowercase<Head> ? `${Head}${SnakeCase<Tail>}` : `_${Lowercase<Head>}${SnakeCase<Tail>}`) : S;

/** What jsonDocument() makes of a type. */
export type JsonDocument<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends Date
    ? string
    : T extends bigint
      ? number
      : T extends readonly (infer Item)[]
        ? JsonDocument<Item>[]
        : T extends object
          ? { [Key in keyof T as Key extends string ? SnakeCase<Key> : never]: JsonDocument<T[Key]> }
          : T;

/** Properties that hold rows, whose columns keep their names. */
const ROWS = ['inputRow', 'input_row', 'samples'];

/**
 * Plain data in the notation of every JSON document of Ingot, over HTTP and by `--json`: keys in snake_case, instants in
 * ISO 8601, a bigint as a number; one beyond 2^53, which a reader in JavaScript would round, as a text.
 */
export function jsonDocument<T>(value: T): JsonDocument<T> {
  return convert(value) as JsonDocument<T>;
}

function convert(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(convert);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [snakeCase(key), ROWS.includes(key) ? item : convert(item)]));
}

/** Names that do not begin with a small letter, such as those of environment variables, are no camelCase. */
function snakeCase(key: string): string {
  if (!/^[a-z]/.test(key)) return key;
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
