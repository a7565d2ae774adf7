import type { Parameter } from '@ingot/endpoints';
import type { JsonSchema } from '../../documented.js';

type Value = Pick<Parameter, 'minimum' | 'maximum' | 'values'> & { readonly type: Exclude<Parameter['type'], 'list'> };

// What libs/endpoints reads; the calendar it checks beyond that has no keyword.
const DATE = '\\d{4}-\\d{2}-\\d{2}';
const INSTANT = `^${DATE}([Tt ]\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,18})?)?([Zz]|[+ -]\\d{2}(:?\\d{2})?)?)?$`;
const MAX_TEXT = 1_000;

/** The JSON Schema of a parameter of an endpoint file, with its default and bounds as JSON values. */
export function parameterSchema(parameter: Parameter): JsonSchema {
  const { type, of = 'text', maxItems } = parameter;
  if (type !== 'list') return { ...valueSchema({ ...parameter, type }), ...defaultOf(parameter, (text) => valueOf(type, text)) };
  const items = valueSchema({ ...parameter, type: of });
  return { type: 'array', minItems: 1, ...(maxItems === undefined ? {} : { maxItems }), items, ...defaultOf(parameter, (text) => text.split(',').map((item) => valueOf(of, item))) };
}

/** The example of a parameter as JSON; its default when the header gives none. */
export function exampleOf({ type, of = 'text', example, default: fallback }: Parameter): unknown {
  const text = example ?? fallback;
  if (text === undefined) return undefined;
  return type === 'list' ? text.split(',').map((item) => valueOf(of, item)) : valueOf(type, text);
}

function valueSchema({ type, minimum, maximum, values }: Value): JsonSchema {
  switch (type) {
    case 'timestamp':
      return { type: 'string', pattern: INSTANT };
    case 'date':
      return { type: 'string', format: 'date', pattern: `^${DATE}$` };
    case 'text':
      return { type: 'string', minLength: 1, maxLength: MAX_TEXT };
    case 'number':
      return { type: 'number', ...bounds(minimum, maximum) };
    case 'integer':
      return { type: 'integer', format: 'int64', ...bounds(minimum, maximum) };
    case 'boolean':
      return { type: 'boolean' };
    case 'enum':
      return { type: 'string', enum: values ?? [] };
  }
}

function bounds(minimum: string | undefined, maximum: string | undefined): JsonSchema {
  return { ...(minimum === undefined ? {} : { minimum: Number(minimum) }), ...(maximum === undefined ? {} : { maximum: Number(maximum) }) };
}

function defaultOf({ default: text }: Parameter, read: (text: string) => unknown): JsonSchema {
  return text === undefined ? {} : { default: read(text) };
}

function valueOf(type: Parameter['type'], text: string): unknown {
  if (type === 'number' || type === 'integer') return Number(text);
  return type === 'boolean' ? text === 'true' : text;
}
