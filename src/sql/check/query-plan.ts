import type { Query } from '../ast/ast.ts';
import type { Evaluate, Value } from '../values/value.ts';
import type { AggregatePlan } from './context.ts';
import type { RowKey } from './row-key.ts';
import type { Column, Input } from './scope.ts';
import type { SortKey, WindowPlan } from './window.ts';

/** A query that has been checked: everything its operators need, with names and types already gone. */
export interface QueryPlan {
  /** Place among all queries of the script. */
  readonly index: number;
  /** What it was made of, for people. */
  readonly query: Query;
  readonly input: InputPlan;
  /** Places of the columns that it looks at, by stream. */
  readonly reads: ReadonlyMap<string, ReadonlySet<number>>;
  /** WHERE in front of the window. */
  readonly filter?: Evaluate;
  /** WHERE behind a window that counts rows: it selects among what the window holds. */
  readonly lateFilter?: Evaluate;
  readonly window: WindowPlan;
  /**
   * `rows`: each row by itself (at the window's close where it is a batch). `running`: each row with its group's values
   * so far. `groups`: one row for each group at the close.
   */
  readonly mode: 'rows' | 'running' | 'groups';
  readonly keys: readonly Evaluate[];
  /** Those of GROUP BY that a row decides alone: rows of one group have all of them in common. */
  readonly groupKeys: readonly RowKey[];
  /** The argument by which a SESSION, UNIQUE or FIRSTUNIQUE window tells rows apart, where the row decides it alone. */
  readonly windowKey?: RowKey;
  /** For each column of the target the place in the flat row that it is a copy of; undefined where it is none. */
  readonly copies: readonly (number | undefined)[];
  readonly aggregates: readonly AggregatePlan[];
  readonly having?: Evaluate;
  readonly outputs: readonly Evaluate[];
  readonly columns: readonly Column[];
  readonly distinct: boolean;
  readonly orderBy: readonly (SortKey & { readonly nullsFirst: boolean })[];
  readonly limit?: number;
  readonly offset: number;
  readonly rate?: { readonly kind: 'all' | 'first' | 'last'; readonly every: number };
  readonly target: string;
  /** The selected row as the target's: by name or place, with conversions. Set once all streams are known. */
  readonly convert: (outputs: Value[]) => Value[];
  readonly partition?: PartitionPlan;
}

export type InputPlan = { readonly kind: 'source'; readonly input: Input } | JoinPlan | LookupPlan | PatternPlan;

/** Two streams, each with its window; or both with the same tumbling one. */
export interface JoinPlan {
  readonly kind: 'join';
  readonly type: 'inner' | 'left' | 'right' | 'full';
  readonly left: JoinSide;
  readonly right: JoinSide;
  readonly on: Evaluate;
  /** Set where both sides have this tumbling window. */
  readonly tumblingMs?: number;
}

export interface JoinSide {
  readonly input: Input;
  readonly window: WindowPlan;
  /** What must be equal on both sides, of a row of this side alone; empty where ON has no equality. */
  readonly keys: readonly Evaluate[];
  /** The same in the same order; undefined for one that depends on more than the row. Places are those of the stream. */
  readonly rowKeys: readonly (RowKey | undefined)[];
}

/** A stream whose rows look up a table. */
export interface LookupPlan {
  readonly kind: 'lookup';
  readonly outer: boolean;
  readonly left: Input;
  readonly table: Input;
  readonly on: Evaluate;
  readonly leftKeys: readonly Evaluate[];
  readonly tableKeys: readonly Evaluate[];
}

export interface PatternPlan {
  readonly kind: 'pattern';
  readonly sequence: boolean;
  readonly every: boolean;
  readonly withinMs: number;
  readonly elements: readonly ElementPlan[];
  readonly leaves: readonly LeafPlan[];
}

export interface ElementPlan {
  readonly kind: 'leaf' | 'and' | 'or';
  /** Places in `leaves`: one, or two. */
  readonly leaves: readonly number[];
}

export interface LeafPlan {
  readonly input: Input;
  readonly condition?: Evaluate;
}

export interface PartitionPlan {
  /** Place among the partitions of the script. */
  readonly index: number;
  /** For each partitioned stream the column that is the key. */
  readonly keys: ReadonlyMap<string, number>;
}
