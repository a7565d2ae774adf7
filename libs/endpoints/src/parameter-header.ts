import { didYouMean, type Located, type Problems, type Section } from '@ingot/datasets';
import { ValueError } from './instant.js';
import type { Parameter, ParameterType } from './parameter.js';
import { OWN_PARAMETERS, readText } from './request-parameters.js';

const TYPES: readonly ParameterType[] = ['timestamp', 'date', 'text'];
const LATER_TYPES = ['integer', 'number', 'boolean'];
const LATER_PARAMETERS = ['limit', 'cursor'];
const NAME = /^[a-z][a-z0-9_]{0,62}$/;

interface Declared {
  readonly parameter: Parameter;
  readonly name: Located;
  readonly notBefore?: Located;
  readonly default?: Located;
}

/** The `parameters` of an endpoint's header, and where each name stands. */
export function readParameters(header: Section, problems: Problems): { parameters: Parameter[]; places: Map<string, Located['place']> } {
  const declared = header.namedSections('parameters').map(({ name, section }) => readParameter(name, section, problems));
  const parameters = declared.map(({ parameter }) => parameter);
  for (const { parameter, notBefore, default: value } of declared) {
    if (notBefore !== undefined) checkRange(parameter, notBefore, parameters, problems);
    if (value !== undefined) checkDefault(parameter, value, parameters, problems);
  }
  return { parameters, places: new Map(declared.map(({ name }) => [name.value, name.place])) };
}

function readParameter(name: Located, section: Section, problems: Problems): Declared {
  const type = section.choice('type', TYPES, LATER_TYPES);
  if (!section.has('type')) problems.add(name.place, `the parameter ${name.value} has no type; known are ${TYPES.join(', ')}`);
  const description = section.text('description');
  if (!section.has('description')) problems.add(name.place, `the parameter ${name.value} has no description`);
  const required = section.flag('required');
  const fallback = section.text('default');
  const endOfDay = section.flag('end_of_day');
  const notBefore = section.text('not_before');
  section.finish();

  if (!NAME.test(name.value)) problems.add(name.place, `a parameter is named in lower case, as in device_id; is ${name.value}`);
  if ([...OWN_PARAMETERS, ...LATER_PARAMETERS].some((own) => own === name.value)) problems.add(name.place, `${name.value} is a parameter of every endpoint`);
  if (required?.value === true && fallback !== undefined) problems.add(fallback.place, 'a required parameter has no default');
  if (endOfDay?.value === true && type?.value !== 'timestamp') problems.add(endOfDay.place, 'end_of_day is for a timestamp');
  return {
    name,
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(fallback === undefined ? {} : { default: fallback }),
    parameter: {
      name: name.value,
      type: type?.value ?? 'text',
      required: required?.value ?? false,
      description: description?.value ?? '',
      endOfDay: endOfDay?.value ?? false,
      ...(fallback === undefined ? {} : { default: fallback.value }),
      ...(notBefore === undefined ? {} : { notBefore: notBefore.value }),
    },
  };
}

function checkRange(parameter: Parameter, { value, place }: Located, all: readonly Parameter[], problems: Problems): void {
  const start = all.find(({ name }) => name === value);
  if (start === undefined) problems.add(place, `there is no parameter ${value}${didYouMean(value, all.map(({ name }) => name))}`);
  else if (start.type !== parameter.type || parameter.type === 'text') problems.add(place, 'the two ends of a range are both timestamps, or both dates');
}

function checkDefault(parameter: Parameter, { value, place }: Located, all: readonly Parameter[], problems: Problems): void {
  try {
    readText(parameter, value, all);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    problems.add(place, `the default ${error.message}`);
  }
}
