/** The transforms of a connector, one behind the other. */
import { describeError, isRetriable, TributaryError } from '../base/errors.ts';
import { parse } from '../config/config-def.ts';
import { type RawConfig, withoutPrefix } from '../config/raw.ts';
import type { SourceRecord } from '../record/source-record.ts';
import { findClass, suggestClass } from './catalogue.ts';
import { aliasesIn, stepOptions } from './chain-config.ts';
import type { Predicate, Transform, TransformCatalogue } from './transform.ts';

export interface Chain {
  /** The record as the last transform leaves it, or null where one dropped it. Throws a TransformFailure. */
  apply(record: SourceRecord): SourceRecord | null;
}

/** One record could not be transformed. The text names the transform and never shows the record's content. */
export class TransformFailure extends TributaryError {
  readonly alias: string;
  readonly className: string;

  constructor(alias: string, className: string, cause: unknown) {
    super('TRANSFORM_FAILED', `${describeError(cause)} (transform "${alias}")`, {
      cause,
      retriable: isRetriable(cause),
    });
    this.alias = alias;
    this.className = className;
  }
}

interface Step {
  readonly alias: string;
  readonly className: string;
  readonly transform: Transform;
  readonly predicate: Predicate | undefined;
  /** What the predicate must answer for the transform to run. */
  readonly wanted: boolean;
}

/** Undefined where the configuration names no transforms. CONFIG_INVALID names the alias that is wrong. */
export function makeChain(config: RawConfig, catalogue: TransformCatalogue): Chain | undefined {
  const aliases = aliasesIn(config['transforms']);
  if (aliases.length === 0) return undefined;
  const predicates = new Map(
    aliasesIn(config['predicates']).map((alias) => [alias, makePredicate(config, alias, catalogue)]),
  );
  const steps = aliases.map((alias) => makeStep(config, alias, catalogue, predicates));
  return { apply: (record) => applyAll(steps, record) };
}

function applyAll(steps: readonly Step[], record: SourceRecord): SourceRecord | null {
  let current: SourceRecord | null = record;
  for (const step of steps) {
    try {
      if (step.predicate !== undefined && step.predicate.test(current) !== step.wanted) continue;
      current = step.transform.apply(current);
    } catch (error) {
      throw new TransformFailure(step.alias, step.className, error);
    }
    if (current === null) return null;
  }
  return current;
}

function makeStep(
  config: RawConfig,
  alias: string,
  { transforms }: TransformCatalogue,
  predicates: ReadonlyMap<string, Predicate>,
): Step {
  const own = withoutPrefix(config, `transforms.${alias}.`);
  const found = classOf(transforms, own['type'], `transforms.${alias}.type`);
  const transform = named(alias, 'transform', () => found.make(own));
  const { negate, predicate: name } = parse(stepOptions, own);
  const predicate = name === null ? undefined : predicates.get(name);
  if (name !== null && predicate === undefined) {
    throw new TributaryError(
      'CONFIG_INVALID',
      `Invalid value ${name} for configuration transforms.${alias}.predicate: "predicates" has no such name`,
    );
  }
  return { alias, className: found.className, transform, predicate, wanted: !negate };
}

function makePredicate(config: RawConfig, alias: string, { predicates }: TransformCatalogue): Predicate {
  const own = withoutPrefix(config, `predicates.${alias}.`);
  const found = classOf(predicates, own['type'], `predicates.${alias}.type`);
  return named(alias, 'predicate', () => found.make(own));
}

function classOf<C extends { readonly className: string }>(
  classes: readonly C[],
  name: string | undefined,
  key: string,
): C {
  if (name === undefined) {
    throw new TributaryError('CONFIG_INVALID', `Missing required configuration "${key}" which has no default value.`);
  }
  const found = findClass(classes, name.trim());
  if (found !== undefined) return found;
  throw new TributaryError(
    'CONFIG_INVALID',
    `Invalid value ${name} for configuration ${key}: Class ${name} could not be found.${suggestClass(classes, name)}`,
  );
}

/** What a transform says about its configuration names keys without their prefix: the alias is put behind it. */
function named<T>(alias: string, what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new TributaryError('CONFIG_INVALID', `${describeError(error)} (${what} "${alias}")`, { cause: error });
  }
}
