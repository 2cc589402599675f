/**
 * The tree of a script. Every node has `at`, the offset of its first character (of its operator, for operators between
 * operands: that is where an error about them points).
 */

export interface Name {
  readonly at: number;
  readonly text: string;
}

export interface Script {
  readonly statements: readonly Statement[];
}

export type Statement = Create | Query | Partition;

export interface Create {
  readonly kind: 'create';
  readonly at: number;
  readonly what: 'stream' | 'table';
  readonly name: Name;
  readonly columns: readonly ColumnDefinition[];
  readonly options: readonly Option[];
}

export interface ColumnDefinition {
  readonly name: Name;
  /** As written, without length and scale. */
  readonly type: Name;
  readonly primaryKey: boolean;
  readonly notNull: boolean;
}

export interface Option {
  readonly key: Name;
  readonly value: Name;
}

export interface Query {
  readonly kind: 'query';
  readonly at: number;
  readonly distinct: boolean;
  readonly items: readonly SelectItem[];
  readonly from: From;
  readonly where?: Condition;
  /** True where WHERE stands before WINDOW: then the window sees only rows that passed. */
  readonly whereFirst: boolean;
  readonly window?: Window;
  readonly groupBy: readonly Expression[];
  readonly having?: Condition;
  readonly orderBy: readonly OrderKey[];
  readonly orderAt: number;
  readonly limit?: Count;
  readonly offset?: Count;
  readonly output?: OutputRate;
  /** Without a target rows go to `OutputStream`. */
  readonly target?: Name;
}

export interface Condition {
  /** Its first character, parentheses included. */
  readonly at: number;
  readonly value: Expression;
}

export interface Count {
  /** The keyword LIMIT or OFFSET. */
  readonly at: number;
  readonly count: number;
}

export type SelectItem =
  | { readonly kind: 'all'; readonly at: number; readonly of?: Name }
  | { readonly kind: 'expression'; readonly at: number; readonly value: Expression; readonly alias?: Name };

export interface OrderKey {
  readonly value: Expression;
  readonly descending: boolean;
  readonly nulls?: 'first' | 'last';
}

export interface OutputRate {
  readonly kind: 'all' | 'first' | 'last';
  /** The number. */
  readonly at: number;
  readonly every: number;
}

export type From = { readonly kind: 'source'; readonly source: Source } | Join | Pattern;

export interface Source {
  readonly name: Name;
  readonly alias?: Name;
  readonly window?: Window;
}

export interface Join {
  readonly kind: 'join';
  readonly at: number;
  readonly type: 'inner' | 'left' | 'right' | 'full';
  readonly left: Source;
  readonly right: Source;
  readonly on: Condition;
}

export interface Pattern {
  readonly kind: 'pattern';
  readonly at: number;
  readonly sequence: boolean;
  readonly every: boolean;
  readonly elements: readonly PatternElement[];
  readonly within?: Duration;
  readonly alias?: Name;
}

export type PatternElement =
  | { readonly kind: 'leaf'; readonly leaf: PatternLeaf }
  | { readonly kind: 'and' | 'or'; readonly at: number; readonly left: PatternLeaf; readonly right: PatternLeaf };

export interface PatternLeaf {
  readonly name?: Name;
  readonly stream: Name;
  readonly condition?: Condition;
}

export interface Window {
  /** The kind as written; where it is quoted, `at` is the quote. */
  readonly kind: Name;
  readonly arguments: readonly Expression[];
}

/** What a window takes as an argument where it stands alone: `5 sec` is the same as `INTERVAL '5' SECOND`. */
export interface Duration {
  readonly kind: 'interval';
  readonly at: number;
  readonly ms: number;
}

export interface Partition {
  readonly kind: 'partition';
  readonly at: number;
  readonly keys: readonly { readonly column: Name; readonly stream: Name }[];
  readonly queries: readonly Query[];
}

export type ComparisonOperator = '=' | '!=' | '<' | '<=' | '>' | '>=';
export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%';

export type Expression =
  | { readonly kind: 'null'; readonly at: number }
  | { readonly kind: 'bool'; readonly at: number; readonly value: boolean }
  | { readonly kind: 'string'; readonly at: number; readonly value: string }
  /** A LONG is a number where that is exact, else a bigint. */
  | { readonly kind: 'long'; readonly at: number; readonly value: number | bigint }
  | { readonly kind: 'double'; readonly at: number; readonly value: number }
  | Duration
  | { readonly kind: 'name'; readonly at: number; readonly name: string }
  | { readonly kind: 'field'; readonly at: number; readonly object: Expression; readonly name: Name }
  | { readonly kind: 'element'; readonly at: number; readonly object: Expression; readonly key: PathKey }
  | {
      readonly kind: 'arrow';
      readonly at: number;
      readonly object: Expression;
      readonly key: PathKey;
      readonly text: boolean;
    }
  | { readonly kind: 'sign'; readonly at: number; readonly negative: boolean; readonly value: Expression }
  | { readonly kind: 'not'; readonly at: number; readonly value: Expression }
  | {
      readonly kind: 'logic';
      readonly at: number;
      readonly operator: 'AND' | 'OR';
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'arithmetic';
      readonly at: number;
      readonly operator: ArithmeticOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'concat'; readonly at: number; readonly left: Expression; readonly right: Expression }
  | {
      readonly kind: 'comparison';
      readonly at: number;
      readonly operator: ComparisonOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'is';
      readonly at: number;
      readonly value: Expression;
      readonly negated: boolean;
      readonly what: 'NULL' | 'TRUE' | 'FALSE';
    }
  | {
      readonly kind: 'between';
      readonly at: number;
      readonly value: Expression;
      readonly negated: boolean;
      readonly low: Expression;
      readonly high: Expression;
    }
  | {
      readonly kind: 'in';
      readonly at: number;
      readonly value: Expression;
      readonly negated: boolean;
      readonly list: readonly Expression[];
    }
  | {
      readonly kind: 'like';
      readonly at: number;
      readonly value: Expression;
      readonly negated: boolean;
      readonly pattern: Expression;
      readonly escape?: string;
    }
  | {
      readonly kind: 'case';
      readonly at: number;
      readonly subject?: Expression;
      readonly branches: readonly CaseBranch[];
      readonly otherwise?: Expression;
    }
  | {
      readonly kind: 'cast';
      readonly at: number;
      readonly try: boolean;
      readonly value: Expression;
      readonly type: Name;
    }
  | { readonly kind: 'extract'; readonly at: number; readonly unit: Name; readonly value: Expression }
  | {
      readonly kind: 'call';
      readonly at: number;
      readonly name: string;
      readonly arguments: readonly Expression[];
      readonly star: boolean;
      readonly distinct: boolean;
    };

export interface CaseBranch {
  readonly when: Expression;
  readonly result: Expression;
}

/** A member's name, an index from 0, or the last element. */
export type PathKey = string | number | { readonly last: true };
