import { didYouMean, readDuration, type Located, type Problems, type Section } from '@ingot/datasets';
import { ValueError } from './instant.js';
import { PARAMETER_TYPES, VALUE_TYPES, type Parameter, type ValueType } from './parameter.js';
import { compareValues, DEFAULT_MAX_ITEMS, readSingle, readValue } from './parameter-value.js';
import { OWN_PARAMETERS } from './request-parameters.js';

const NAME = /^[a-z][a-z0-9_]{0,62}$/;
const ORDERED: readonly ValueType[] = ['timestamp', 'date', 'number', 'integer'];
const MOST_ITEMS = 10_000;

interface Declared {
  readonly parameter: Parameter;
  readonly name: Located;
  readonly notBefore?: Located;
  /** `default` and `example`. */
  readonly given: readonly { readonly key: string; readonly text: Located }[];
}

/** The `parameters` of an endpoint's header, and where each name stands. */
export function readParameters(header: Section, problems: Problems): { parameters: Parameter[]; places: Map<string, Located['place']> } {
  const declared = header.namedSections('parameters').map(({ name, section }) => readParameter(name, section, problems));
  const parameters = declared.map(({ parameter }) => parameter);
  for (const { parameter, notBefore, given } of declared) {
    if (notBefore !== undefined) checkRange(parameter, notBefore, parameters, problems);
    for (const { key, text } of given) checkGiven(parameter, key, text, parameters, problems);
  }
  return { parameters, places: new Map(declared.map(({ name }) => [name.value, name.place])) };
}

function readParameter(name: Located, section: Section, problems: Problems): Declared {
  const type = section.choice('type', PARAMETER_TYPES);
  if (!section.has('type')) problems.add(name.place, `the parameter ${name.value} has no type; known are ${PARAMETER_TYPES.join(', ')}`);
  const description = section.text('description');
  if (!section.has('description')) problems.add(name.place, `the parameter ${name.value} has no description`);
  const required = section.flag('required');
  const fallback = textOf(section, 'default', problems);
  const example = textOf(section, 'example', problems);
  const endOfDay = section.flag('end_of_day');
  const notBefore = section.text('not_before');
  const maxSpan = readMaxSpan(section, problems);
  const of = section.choice('of', VALUE_TYPES);
  const single = type?.value === 'list' ? (of?.value ?? 'text') : (type?.value ?? 'text');
  const values = readValues(section, name, single, problems);
  const minimum = readBound(section, 'minimum', single, problems);
  const maximum = readBound(section, 'maximum', single, problems);
  const maxItems = readMaxItems(section, problems);
  section.finish();

  if (!NAME.test(name.value)) problems.add(name.place, `a parameter is named in lower case, as in device_id; is ${name.value}`);
  if (OWN_PARAMETERS.some((own) => own === name.value)) problems.add(name.place, `${name.value} is a parameter of the service itself`);
  if (required?.value === true && fallback !== undefined) problems.add(fallback.place, 'a required parameter has no default');
  if (endOfDay?.value === true && single !== 'timestamp') problems.add(endOfDay.place, 'end_of_day is for a timestamp');
  if (minimum !== undefined && maximum !== undefined && compareValues(single, minimum, maximum) > 0) problems.add(section.placeOf('maximum'), 'maximum is below minimum');
  if (type !== undefined && type.value !== 'list') {
    for (const key of ['of', 'max_items']) if (section.has(key)) problems.add(section.placeOf(key), `${key} is for a list`);
  } else if (type !== undefined && !section.has('of')) {
    problems.add(type.place, `a list says what its items are, e.g. of: text; known are ${VALUE_TYPES.join(', ')}`);
  }
  return {
    name,
    ...(notBefore === undefined ? {} : { notBefore }),
    given: [{ key: 'default', text: fallback }, { key: 'example', text: example }].flatMap(({ key, text }) => (text === undefined ? [] : [{ key, text }])),
    parameter: {
      name: name.value,
      type: type?.value ?? 'text',
      required: required?.value ?? false,
      description: description?.value ?? '',
      endOfDay: endOfDay?.value ?? false,
      ...(fallback === undefined ? {} : { default: fallback.value }),
      ...(example === undefined ? {} : { example: example.value }),
      ...(notBefore === undefined ? {} : { notBefore: notBefore.value }),
      ...(maxSpan === undefined ? {} : { maxSpan }),
      ...(values === undefined ? {} : { values }),
      ...(minimum === undefined ? {} : { minimum }),
      ...(maximum === undefined ? {} : { maximum }),
      ...(type?.value === 'list' ? { of: single, maxItems: maxItems ?? DEFAULT_MAX_ITEMS } : {}),
    },
  };
}

/** A value as a request would give it: YAML may have read it as a number or a flag, or as a list. */
function textOf(section: Section, key: string, problems: Problems): Located | undefined {
  if (!section.has(key)) return undefined;
  const items = section.scalars(key);
  const long = items.find(({ value }) => typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value));
  if (long !== undefined) problems.add(long.place, `${key}: write so long a number between quotes, YAML rounds it`);
  return { value: items.map(({ value }) => String(value)).join(','), place: items[0]?.place ?? section.placeOf(key) };
}

function readValues(section: Section, name: Located, type: ValueType, problems: Problems): string[] | undefined {
  const values = section.scalars('values').map(({ value, place }) => ({ value: String(value), place }));
  if (type !== 'enum') {
    if (section.has('values')) problems.add(section.placeOf('values'), 'values is for an enum');
    return undefined;
  }
  if (values.length === 0) problems.add(section.has('values') ? section.placeOf('values') : name.place, `the enum ${name.value} has no values: [...] to choose from`);
  for (const [i, { value, place }] of values.entries()) {
    if (values.findIndex((other) => other.value === value) < i) problems.add(place, `values names ${value} twice`);
    if (value === '' || value.includes(',')) problems.add(place, 'a value is neither empty nor holds a comma, which separates items of lists');
  }
  return values.map(({ value }) => value);
}

/** In PostgreSQL's notation. A date as the maximum of a timestamp includes that day. */
function readBound(section: Section, key: 'minimum' | 'maximum', type: ValueType, problems: Problems): string | undefined {
  const text = textOf(section, key, problems);
  if (text === undefined) return undefined;
  if (!ORDERED.includes(type)) {
    problems.add(section.placeOf(key), `${key} is for ${ORDERED.join(', ')}`);
    return undefined;
  }
  try {
    return readSingle({ type, endOfDay: key === 'maximum', startsRange: key === 'minimum' }, text.value);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    problems.add(text.place, `the ${key} ${error.message}`);
    return undefined;
  }
}

const SPANS = { shortestMs: 1_000, longestMs: 3_660_000 * 86_400_000, text: 'from 1s to 3660000d' };

/** `max_span: 400d`. */
function readMaxSpan(section: Section, problems: Problems): Parameter['maxSpan'] {
  if (section.has('max_span') && !section.has('not_before')) problems.add(section.placeOf('max_span'), 'max_span is for the end of a range: not_before names its start');
  const ms = readDuration(section, 'max_span', problems, SPANS);
  return ms === undefined ? undefined : { text: section.isMapping('max_span') ? `${ms / 1_000}s` : (section.text('max_span')?.value ?? ''), ms };
}

function readMaxItems(section: Section, problems: Problems): number | undefined {
  const most = section.number('max_items');
  if (most === undefined || (Number.isInteger(most.value) && most.value >= 1 && most.value <= MOST_ITEMS)) return most?.value;
  problems.add(most.place, `max_items must be a whole number from 1 to ${MOST_ITEMS}`);
  return undefined;
}

function checkRange(parameter: Parameter, { value, place }: Located, all: readonly Parameter[], problems: Problems): void {
  const start = all.find(({ name }) => name === value);
  if (start === undefined) problems.add(place, `there is no parameter ${value}${didYouMean(value, all.map(({ name }) => name))}`);
  else if (start.type !== parameter.type || !['timestamp', 'date'].includes(parameter.type)) problems.add(place, 'the two ends of a range are both timestamps, or both dates');
  else if (start === parameter) problems.add(place, 'not_before names the other end of the range');
}

function checkGiven(parameter: Parameter, key: string, { value, place }: Located, all: readonly Parameter[], problems: Problems): void {
  try {
    readValue(parameter, [value], all);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    problems.add(place, `the ${key} ${error.message}`);
  }
}
