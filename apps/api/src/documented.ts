import type { Type } from '@nestjs/common';
import type { ProblemCode } from './problem.js';

/** A JSON Schema (2020-12), which is what OpenAPI 3.1 takes. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What the OpenAPI document says of one route that has a controller method of its own. */
export interface RouteDocumentation {
  /** Groups the routes on the page, e.g. `Operations`. */
  readonly tag: string;
  /** A few words, as in a list of routes. */
  readonly summary: string;
  readonly description?: string;
  /** The class of the query string: class-validator's rules give types and bounds, `@Field` descriptions and examples. */
  readonly query?: Type;
  /** The class of the route's parameters, likewise; all of them are required. */
  readonly params?: Type;
  /** The class of a JSON request body, likewise. */
  readonly body?: Type;
  readonly answers: Readonly<Record<number, AnswerDocumentation>>;
  /** The problems it can answer with, beside those of every route. */
  readonly problems?: readonly ProblemCode[];
}

export interface AnswerDocumentation {
  readonly description: string;
  /** The class of a JSON body whose properties carry `@Field`, or `[Class]` for an array of it; for anything else `content`. */
  readonly body?: Type | readonly [Type];
  /** Media type -> schema, for bodies that are no class. */
  readonly content?: Readonly<Record<string, JsonSchema>>;
  /** Header -> what it says. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One property of a body, beside its JSON Schema keywords. */
export interface FieldOptions {
  readonly description?: string;
  /** The class of the value, or `[Class]` for an array of it. */
  readonly of?: Type | readonly [Type];
  /** The property may be null; it is there all the same. */
  readonly nullable?: boolean;
  /** The property may be absent. */
  readonly optional?: boolean;
  /** The value differs from one run of the same requests to the next (ids, times, sizes): examples show `examples[0]`. */
  readonly varies?: boolean;
}

export type Field = FieldOptions & JsonSchema;

const ROUTE = Symbol('ingot:route-documentation');
const FIELDS = Symbol('ingot:fields');

/** Documents the route of a controller method. A route without it fails a test. */
export function Documented(documentation: RouteDocumentation): MethodDecorator {
  return (_target, _name, descriptor) => {
    Reflect.defineMetadata(ROUTE, documentation, descriptor.value as object);
  };
}

/** What `@Documented` said of a controller method. */
export function documentationOf(method: object): RouteDocumentation | undefined {
  return Reflect.getMetadata(ROUTE, method) as RouteDocumentation | undefined;
}

/**
 * Documents a property of a body or a query string: JSON Schema keywords as they are (`type`, `format`, `enum`,
 * `minimum`, `examples`...) and the options above. Every property is required and no other one is allowed unless said.
 */
export function Field(field: Field): PropertyDecorator {
  return (target, name) => {
    const own = (Reflect.getOwnMetadata(FIELDS, target) ?? fieldsOf(target)) as Map<string, Field>;
    Reflect.defineMetadata(FIELDS, new Map(own).set(String(name), field), target);
  };
}

/** The documented properties of a class's prototype, inherited ones first. */
export function fieldsOf(prototype: object): ReadonlyMap<string, Field> {
  return (Reflect.getMetadata(FIELDS, prototype) ?? new Map()) as Map<string, Field>;
}
