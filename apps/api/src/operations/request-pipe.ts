import { Inject, Injectable, type ArgumentMetadata, type PipeTransform, type Type } from '@nestjs/common';
import { didYouMean } from '@ingot/datasets';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, validateSync, type ValidationError } from 'class-validator';
import { wrongParameters, type WrongParameter } from '../problem.js';
import { RECORDS, type Records } from './records.js';

/**
 * A query string, the parameters of a path or a JSON body as an instance of its class, checked by the rules on it. Every
 * mistake is told at once, those of parameters that do not exist too; `dataset` must be one there is.
 */
@Injectable()
export class RequestPipe implements PipeTransform {
  constructor(@Inject(RECORDS) private readonly records: Pick<Records, 'datasets'>) {}

  /** @throws Problem invalid-parameter */
  transform(given: unknown, { metatype }: ArgumentMetadata): unknown {
    const plain = isObject(given) ? given : {};
    const value = plainToInstance(metatype as Type<object>, plain);
    const problems = [...unknown(metatype as Type, plain), ...this.unknownDataset(plain), ...validateSync(value, { forbidUnknownValues: false }).map((error) => problemOf(error, plain))];
    if (problems.length === 0) return value;
    throw wrongParameters(onePerParameter(problems));
  }

  private unknownDataset({ dataset }: { dataset?: unknown }): WrongParameter[] {
    const names = this.records.datasets.map(({ name }) => name);
    if (typeof dataset !== 'string' || names.includes(dataset)) return [];
    return [{ parameter: 'dataset', code: 'invalid', detail: `is one of ${names.join(', ')}${didYouMean(dataset, names)}` }];
  }
}

/** Every property with a rule is known, and no other. */
function unknown(metatype: Type, given: object): WrongParameter[] {
  const rules = getMetadataStorage().getTargetValidationMetadatas(metatype, '', false, false);
  const known = [...new Set(rules.map(({ propertyName }) => propertyName))];
  return Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => ({ parameter: name, code: 'unknown', detail: `is not a parameter${didYouMean(name, known) || (known.length === 0 ? '; there are none' : `; known are ${known.join(', ')}`)}` }));
}

function problemOf({ property, constraints = {} }: ValidationError, given: Record<string, unknown>): WrongParameter {
  const value = given[property];
  const words = [...new Set(Object.values(constraints))].map((text) => text.replace(new RegExp(`^${property} `), '')).join(', ');
  if (value === undefined) return { parameter: property, code: 'missing', detail: `is required: ${words}` };
  return Array.isArray(value) && !/each|list/.test(words) ? { parameter: property, code: 'repeated', detail: 'is given more than once' } : { parameter: property, code: 'invalid', detail: words };
}

function onePerParameter(problems: readonly WrongParameter[]): WrongParameter[] {
  return problems.filter(({ parameter }, at) => problems.findIndex((other) => other.parameter === parameter) === at);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
