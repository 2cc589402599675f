import fc from 'fast-check';
import type { Expression, Name, PatternLeaf, Script, Source } from '../../src/sql/ast/ast.ts';

const at = fc.constant(0);
const text = fc.oneof(
  fc.constantFrom('a', 'b', 'select', 'we"ird', "it's", 'Größe', '数', 'x y'),
  fc.string({ minLength: 1, maxLength: 6 }),
);
const name: fc.Arbitrary<Name> = fc.record({ at, text });
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const ms = fc.nat(1e9);
const key = fc.oneof(text, fc.nat(1e6), fc.constant({ last: true } as const));
const arrowKey = fc.oneof(text, fc.nat(1e6));
const long = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n));
const double = fc.double({ noNaN: true, noDefaultInfinity: true });

const { expression } = fc.letrec<{ expression: Expression }>((tie) => {
  const value = tie('expression');
  const kinds: Record<string, fc.Arbitrary<unknown>>[] = [
    { kind: fc.constant('null') },
    { kind: fc.constant('bool'), value: fc.boolean() },
    { kind: fc.constant('string'), value: fc.string() },
    { kind: fc.constant('long'), value: long },
    { kind: fc.constant('double'), value: double },
    { kind: fc.constant('interval'), ms },
    { kind: fc.constant('name'), name: text },
    { kind: fc.constant('field'), object: value, name },
    { kind: fc.constant('element'), object: value, key },
    { kind: fc.constant('arrow'), object: value, key: arrowKey, text: fc.boolean() },
    { kind: fc.constant('sign'), negative: fc.boolean(), value },
    { kind: fc.constant('not'), value },
    { kind: fc.constant('logic'), operator: fc.constantFrom('AND', 'OR'), left: value, right: value },
    { kind: fc.constant('arithmetic'), operator: fc.constantFrom('+', '-', '*', '/', '%'), left: value, right: value },
    { kind: fc.constant('concat'), left: value, right: value },
    {
      kind: fc.constant('comparison'),
      operator: fc.constantFrom('=', '!=', '<', '<=', '>', '>='),
      left: value,
      right: value,
    },
    { kind: fc.constant('is'), value, negated: fc.boolean(), what: fc.constantFrom('NULL', 'TRUE', 'FALSE') },
    { kind: fc.constant('between'), value, negated: fc.boolean(), low: value, high: value },
    { kind: fc.constant('in'), value, negated: fc.boolean(), list: fc.array(value, { minLength: 1, maxLength: 3 }) },
    {
      kind: fc.constant('like'),
      value,
      negated: fc.boolean(),
      pattern: value,
      escape: fc.constantFrom(undefined, '!', '😀'),
    },
    {
      kind: fc.constant('case'),
      subject: optional(value),
      branches: fc.array(fc.record({ when: value, result: value }), { minLength: 1, maxLength: 2 }),
      otherwise: optional(value),
    },
    { kind: fc.constant('cast'), try: fc.boolean(), value, type: name },
    { kind: fc.constant('extract'), unit: name, value },
    {
      kind: fc.constant('call'),
      name: fc.constantFrom('SUM', 'left', 'round', 'IF', 'count'),
      arguments: fc.array(value, { minLength: 1, maxLength: 3 }),
      star: fc.constant(false),
      distinct: fc.boolean(),
    },
    {
      kind: fc.constant('call'),
      name: fc.constantFrom('COUNT', 'now'),
      arguments: fc.constant([]),
      star: fc.boolean(),
      distinct: fc.constant(false),
    },
  ];
  const trees = kinds.map((fields) => fc.record({ ...fields, at }) as unknown as fc.Arbitrary<Expression>);
  const leaves = trees.slice(0, 7);
  return { expression: fc.oneof({ depthSize: 'small', withCrossShrink: true }, ...leaves, ...trees.slice(7)) };
});

const condition = fc.record({ at, value: expression });
const duration = fc.record({ kind: fc.constant('interval' as const), at, ms });
const window = fc.record({ kind: name, arguments: fc.array(expression, { maxLength: 3 }) });
const source = (mayHaveWindow: boolean): fc.Arbitrary<Source> =>
  fc.record({ name, alias: optional(name), window: mayHaveWindow ? optional(window) : fc.constant(undefined) });
const leaf: fc.Arbitrary<PatternLeaf> = fc.record({
  name: optional(name),
  stream: name,
  condition: optional(condition),
});
const element = fc.oneof(
  fc.record({ kind: fc.constant('leaf' as const), leaf }),
  fc.record({ kind: fc.constantFrom('and' as const, 'or' as const), at, left: leaf, right: leaf }),
);
const pattern = fc
  .record({
    kind: fc.constant('pattern' as const),
    at,
    sequence: fc.boolean(),
    every: fc.boolean(),
    elements: fc.array(element, { minLength: 1, maxLength: 3 }),
    within: optional(duration),
    alias: optional(name),
  })
  .map((tree) => ({ ...tree, every: tree.every && !tree.sequence }));
const from = fc.oneof(
  fc.record({ kind: fc.constant('source' as const), source: source(false) }),
  fc.record({
    kind: fc.constant('join' as const),
    at,
    type: fc.constantFrom('inner' as const, 'left' as const, 'right' as const, 'full' as const),
    left: source(true),
    right: source(true),
    on: condition,
  }),
  pattern,
);
const item = fc.oneof(
  fc.record({ kind: fc.constant('all' as const), at, of: optional(name) }),
  fc.record({ kind: fc.constant('expression' as const), at, value: expression, alias: optional(name) }),
);
const orderKey = fc.record({
  value: expression,
  descending: fc.boolean(),
  nulls: fc.constantFrom(undefined, 'first' as const, 'last' as const),
});
const query = fc
  .record({
    kind: fc.constant('query' as const),
    at,
    distinct: fc.boolean(),
    items: fc.array(item, { minLength: 1, maxLength: 3 }),
    from,
    where: optional(condition),
    whereFirst: fc.boolean(),
    // Of a single source the parser keeps the window in the source, so the query itself has one only behind WHERE.
    window: optional(window),
    groupBy: fc.array(expression, { maxLength: 2 }),
    having: optional(condition),
    orderBy: fc.array(orderKey, { maxLength: 2 }),
    orderAt: at,
    limit: optional(fc.record({ at, count: fc.nat() })),
    offset: optional(fc.record({ at, count: fc.nat() })),
    output: optional(
      fc.record({ kind: fc.constantFrom('all' as const, 'first' as const, 'last' as const), at, every: fc.nat() }),
    ),
    target: optional(name),
  })
  .map((tree) => {
    const whereFirst = tree.whereFirst && tree.where !== undefined && tree.window !== undefined;
    if (whereFirst || tree.from.kind === 'pattern' || tree.window === undefined) return { ...tree, whereFirst };
    if (tree.from.kind === 'join') return { ...tree, whereFirst };
    const moved = { ...tree.from.source, window: tree.window };
    return { ...tree, whereFirst, window: undefined, from: { ...tree.from, source: moved } };
  })
  // A window straight behind a pattern or the condition of a join belongs to the query.
  .filter(
    (tree) =>
      tree.from.kind !== 'source' ||
      tree.from.source.alias === undefined ||
      tree.whereFirst ||
      tree.window === undefined,
  );

const column = fc.record({ name, type: name, primaryKey: fc.boolean(), notNull: fc.boolean() });
const create = fc.record({
  kind: fc.constant('create' as const),
  at,
  what: fc.constantFrom('stream' as const, 'table' as const),
  name,
  columns: fc.array(column, { minLength: 1, maxLength: 3 }),
  options: fc.array(fc.record({ key: name, value: fc.record({ at, text: fc.string() }) }), { maxLength: 2 }),
});
const partition = fc.record({
  kind: fc.constant('partition' as const),
  at,
  keys: fc.array(fc.record({ column: name, stream: name }), { minLength: 1, maxLength: 2 }),
  queries: fc.array(query, { maxLength: 2 }),
});

/** Any tree that the parser can produce, with every place 0. */
export const arbitraryScript: fc.Arbitrary<Script> = fc.record({
  statements: fc.array(fc.oneof(create, query, partition), { maxLength: 3 }),
});
