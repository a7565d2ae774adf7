import type { Type } from '@nestjs/common';
import { getMetadataStorage } from 'class-validator';
import { fieldsOf, type Field, type JsonSchema } from '../../documented.js';

interface Rule {
  readonly propertyName: string;
  readonly name?: string;
  readonly type: string;
  readonly constraints?: readonly unknown[];
  readonly each: boolean;
}

/** What one of class-validator's rules is in JSON Schema; rules that have no keyword there are told by the description. */
const KEYWORDS: Readonly<Record<string, (...constraints: never[]) => JsonSchema>> = {
  isString: () => ({ type: 'string' }),
  isInt: () => ({ type: 'integer' }),
  isNumber: () => ({ type: 'number' }),
  isBoolean: () => ({ type: 'boolean' }),
  isArray: () => ({ type: 'array' }),
  isIn: (values: readonly unknown[]) => ({ enum: values }),
  min: (minimum: number) => ({ minimum }),
  max: (maximum: number) => ({ maximum }),
  minLength: (minLength: number) => ({ minLength }),
  maxLength: (maxLength: number) => ({ maxLength }),
  isLength: (minLength: number, maxLength?: number) => ({ minLength, ...(maxLength === undefined ? {} : { maxLength }) }),
  isNotEmpty: () => ({ minLength: 1 }),
  matches: ({ source }: RegExp) => ({ pattern: source }),
  arrayMinSize: (minItems: number) => ({ minItems }),
  arrayMaxSize: (maxItems: number) => ({ maxItems }),
};

export interface PropertySchema {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
}

/** Classes met on the way get a schema of their own, by their name. */
export type Reference = (dto: Type) => JsonSchema;

/** The properties of a class: its class-validator rules and what `@Field` says beside them. */
export function classProperties(dto: Type, reference: Reference): PropertySchema[] {
  const rules = getMetadataStorage().getTargetValidationMetadatas(dto, '', true, false) as readonly Rule[];
  const fields = fieldsOf(dto.prototype as object);
  const names = new Set([...fields.keys(), ...rules.map(({ propertyName }) => propertyName)]);
  return [...names].map((name) => {
    const own = rules.filter(({ propertyName }) => propertyName === name);
    const { schema, optional } = fieldSchema(fields.get(name) ?? {}, reference);
    return { name, schema: { ...rulesSchema(own), ...schema }, required: !optional && !own.some(isOptional) };
  });
}

/** The JSON Schema of an object of the class: nothing but its properties. */
export function classSchema(dto: Type, reference: Reference): JsonSchema {
  const properties = classProperties(dto, reference);
  const required = properties.filter((property) => property.required).map(({ name }) => name);
  return {
    type: 'object',
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(properties.map(({ name, schema }) => [name, schema])),
  };
}

function isOptional({ name, type }: Rule): boolean {
  return name === 'isOptional' || (name === undefined && type === 'conditionalValidation');
}

function rulesSchema(rules: readonly Rule[]): JsonSchema {
  const keywords = (each: boolean): JsonSchema =>
    Object.assign({}, ...rules.filter((rule) => rule.each === each).map(({ name, constraints = [] }) => KEYWORDS[name ?? '']?.(...(constraints as never[])) ?? {})) as JsonSchema;
  const items = keywords(true);
  return { ...keywords(false), ...(Object.keys(items).length === 0 ? {} : { type: 'array', items }) };
}

function fieldSchema({ of, nullable = false, optional = false, varies = false, ...keywords }: Field, reference: Reference): { schema: JsonSchema; optional: boolean } {
  const target = of === undefined ? {} : Array.isArray(of) ? { type: 'array', items: reference((of as readonly [Type])[0]) } : reference(of as Type);
  return { schema: { ...orNull({ ...target, ...keywords }, nullable), ...(varies ? { 'x-varies': true } : {}) }, optional };
}

/** A schema that allows null too; the words about it stay outside. */
function orNull({ description, examples, ...schema }: JsonSchema, nullable: boolean): JsonSchema {
  const words = { ...(description === undefined ? {} : { description }), ...(examples === undefined ? {} : { examples }) };
  if (!nullable) return { ...schema, ...words };
  if (typeof schema.type !== 'string') return { anyOf: [schema, { type: 'null' }], ...words };
  return { ...schema, type: [schema.type, 'null'], ...(Array.isArray(schema.enum) ? { enum: [...(schema.enum as unknown[]), null] } : {}), ...words };
}
