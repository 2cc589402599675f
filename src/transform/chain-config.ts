/**
 * Options of the transforms and predicates that a connector's configuration names: `transforms.<alias>.…` and
 * `predicates.<alias>.…`, checked as Kafka Connect does, with its texts.
 */
import {
  type AnyOption,
  define,
  invalidValue,
  type RawConfigWithNulls,
  type ValidatedValue,
  validate,
} from '../config/config-def.ts';
import { boolean, className, list, string } from '../config/option.ts';
import { parseValue } from '../config/parse-value.ts';
import { checkVersion } from '../config/plugin-version.ts';
import { findClass } from './catalogue.ts';
import type { PredicateClass, TransformCatalogue, TransformClass } from './transform.ts';

/** `transforms` and `predicates` themselves. */
export const aliasOptions = define({
  transforms: aliases('Transforms', 12, 'Names of the transforms that each record runs through, in this order'),
  predicates: aliases('Predicates', 13, 'Names of the predicates that transforms may ask'),
});

/** Keys that every transform has beside its own. */
export const stepOptions = define({
  negate: boolean({ default: false, doc: 'Whether the transform runs where its predicate is false' }),
  predicate: string({ default: null, doc: 'Name of the predicate that must be true for the transform to run' }),
});

interface Kind {
  /** `transforms` or `predicates`. */
  readonly list: string;
  readonly title: string;
  readonly what: string;
  readonly interfaceName: string;
  readonly more: Readonly<Record<string, AnyOption>>;
}

const transformKind: Kind = {
  list: 'transforms',
  title: 'Transforms',
  what: 'Transformation',
  interfaceName: 'Transformation',
  more: stepOptions.options,
};
const predicateKind: Kind = {
  list: 'predicates',
  title: 'Predicates',
  what: 'Predicate',
  interfaceName: 'Predicate',
  more: {},
};

/**
 * Every option of every alias, with its value and what is wrong with it. `otherClasses` are names of plugins of another
 * kind, so that a converter in place of a transform is told apart from a name that nothing has.
 */
export function validateChain(
  raw: RawConfigWithNulls,
  catalogue: TransformCatalogue,
  otherClasses: readonly string[] = [],
): ValidatedValue[] {
  return [
    ...validateKind(raw, transformKind, catalogue.transforms, [
      ...otherClasses,
      ...catalogue.predicates.map(({ className: name }) => name),
    ]),
    ...validateKind(raw, predicateKind, catalogue.predicates, [
      ...otherClasses,
      ...catalogue.transforms.map(({ className: name }) => name),
    ]),
  ];
}

/** Aliases of a list, each once. */
export function aliasesIn(value: string | null | undefined): readonly string[] {
  const parsed = parseValue('LIST', value);
  return parsed.ok ? [...new Set((parsed.value as readonly string[] | null) ?? [])] : [];
}

function validateKind(
  raw: RawConfigWithNulls,
  kind: Kind,
  classes: readonly (TransformClass | PredicateClass)[],
  otherClasses: readonly string[],
): ValidatedValue[] {
  return aliasesIn(raw[kind.list]).flatMap((alias) => {
    const prefix = `${kind.list}.${alias}.`;
    const name = raw[`${prefix}type`]?.trim();
    const found = name === undefined ? undefined : findClass(classes, name);
    const group = `${kind.title}: ${alias}`;
    const type = typeOption(kind, alias, group, classes);
    const version = versionOption(kind, alias, group, found);
    const own = found === undefined ? [] : sortedOptions({ ...found.config.options, ...kind.more });
    return [
      withErrors(validateType(`${prefix}type`, type, raw, classes, otherClasses, kind), negationError(prefix, raw)),
      ...validate(define({ [`${prefix}plugin.version`]: version }), raw),
      ...own.map(([key, option], i) => validateEmbedded(prefix, key, { ...option, group, order: i + 2 }, raw)),
    ];
  });
}

/** Of a transform: what is to be negated must be there. */
function negationError(prefix: string, raw: RawConfigWithNulls): string | undefined {
  const [negate, predicate] = [`${prefix}negate`, `${prefix}predicate`];
  if (!prefix.startsWith('transforms.') || !(negate in raw) || predicate in raw) return undefined;
  return `Config '${negate}' was provided but there is no config '${predicate}' defining a predicate to be negated.`;
}

/** Kafka's validator stops at the first problem that it finds. */
function withErrors(value: ValidatedValue, first: string | undefined): ValidatedValue {
  return first === undefined || value.errors.length > 0 ? value : { ...value, errors: [first] };
}

/** As Kafka orders the options of an embedded definition: required ones first, then by importance, then by name. */
function sortedOptions(options: Readonly<Record<string, AnyOption>>): readonly (readonly [string, AnyOption])[] {
  const rank = ({ default: fallback, importance }: AnyOption): number =>
    (fallback === undefined ? 0 : 10) + importances.indexOf(importance);
  return Object.entries(options).sort(
    ([a, one], [b, other]) => one.order - other.order || rank(one) - rank(other) || (a < b ? -1 : 1),
  );
}

const importances = ['HIGH', 'MEDIUM', 'LOW'];

/**
 * One option under a prefix. What the option's own check says names the key without the prefix, all else the whole key, as
 * Kafka's embedded definitions do.
 */
function validateEmbedded(prefix: string, key: string, option: AnyOption, raw: RawConfigWithNulls): ValidatedValue {
  const shown: AnyOption = { ...option, displayName: option.displayName ?? key };
  const [parsed] = validate(define({ [prefix + key]: { ...shown, validate: undefined } }), raw);
  const { value, errors } = parsed!;
  const problem = option.validate?.(value as never, key);
  return {
    name: prefix + key,
    option: shown,
    value,
    errors: problem === undefined ? errors : [...errors, invalidValue(key, option, value, problem)],
  };
}

function validateType(
  name: string,
  option: AnyOption,
  raw: RawConfigWithNulls,
  classes: readonly { readonly className: string }[],
  otherClasses: readonly string[],
  { interfaceName }: Kind,
): ValidatedValue {
  const [validated] = validate(define({ [name]: option }), raw);
  const wanted = validated!.value;
  if (typeof wanted !== 'string' || findClass(classes, wanted) !== undefined) return validated!;
  const variants = classes.map((c) => c.className).filter((c) => c.startsWith(`${wanted}$`));
  if (variants.length > 0) {
    const hint = `This class is abstract and cannot be created. Did you mean ${variants.join(', ')}?`;
    return { ...validated!, errors: [hint] };
  }
  if (otherClasses.includes(wanted)) {
    return { ...validated!, errors: [`Class class ${wanted} does not implement the ${interfaceName} interface`] };
  }
  return {
    ...validated!,
    value: null,
    errors: [invalidValue(name, option, wanted, `Class ${wanted} could not be found.`)],
  };
}

function typeOption(
  { what }: Kind,
  alias: string,
  group: string,
  classes: readonly { readonly className: string }[],
): AnyOption {
  return className({
    doc: `Class of the ${what.toLowerCase()} "${alias}"`,
    importance: 'high',
    group,
    order: 0,
    width: 'long',
    displayName: `${what} type for ${alias}`,
    recommend: () => classes.map(({ className: name }) => name).sort(),
  });
}

function versionOption(
  { what }: Kind,
  alias: string,
  group: string,
  found: TransformClass | PredicateClass | undefined,
): AnyOption {
  const version = found?.version ?? null;
  return {
    ...string({
      default: null,
      doc: `Version of the ${what.toLowerCase()} "${alias}"; there is one of each`,
      importance: 'high',
      group,
      order: 1,
      width: 'long',
      displayName: `${what} version for ${alias}`,
      recommend: () => (version === null ? [] : [version]),
    }),
    default: version,
    validate: (wanted: string | null) =>
      found === undefined ? undefined : checkVersion(found.className, found.version, wanted),
  };
}

function aliases(group: string, order: number, doc: string) {
  return list({
    default: [],
    doc,
    importance: 'low',
    group,
    order,
    width: 'long',
    displayName: group,
    validate: (value) =>
      value !== null && new Set(value).size !== value.length ? 'Duplicate alias provided.' : undefined,
  });
}
