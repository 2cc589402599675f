/** Which rows a query must see together: what decides whether it can be cut into parts, and by which key. Pure. */
import type { InputPlan, JoinSide, QueryPlan } from '../../check/query-plan.ts';
import type { RowKey } from '../../check/row-key.ts';

/**
 * `any`: each row stands for itself. `together`: all of a stream's rows with equal keys; fewer keys than these do as well, and
 * without any it is all rows. `pairs`: rows of two streams that are equal in one of these pairs, or in more of them.
 */
export type Need =
  | { readonly kind: 'any' }
  | { readonly kind: 'together'; readonly keys: readonly RowKey[]; readonly why: string }
  | { readonly kind: 'pairs'; readonly pairs: readonly KeyPair[]; readonly why: string };

export interface KeyPair {
  readonly left: RowKey;
  readonly right: RowKey;
}

const any: Need = { kind: 'any' };

function together(keys: readonly RowKey[], why: string): Need {
  return { kind: 'together', keys, why };
}

/** Of a query outside of PARTITION. */
export function needOf(plan: QueryPlan): Need {
  const { input, rate, distinct, orderBy, limit, offset } = plan;
  if (rate !== undefined) return together([], 'OUTPUT counts all rows');
  if (distinct) return together([], 'DISTINCT looks at all rows of a window');
  if (orderBy.length > 0) return together([], 'ORDER BY looks at all rows of a window');
  if (limit !== undefined || offset > 0) return together([], 'LIMIT and OFFSET count all rows of a window');
  switch (input.kind) {
    case 'source':
      return needOfWindow(plan);
    case 'join':
      return needOfJoin(plan, input);
    case 'pattern':
      return together([], 'a pattern outside of PARTITION looks at all rows');
    case 'lookup':
      return together([], 'a table is one');
  }
}

function needOfWindow(plan: QueryPlan): Need {
  const { window, mode, windowKey } = plan;
  const byGroup = mode === 'rows' ? any : needOfGroups(plan);
  switch (window.kind) {
    case 'none':
    case 'tumbling':
    case 'hop':
    case 'time':
    case 'externaltime':
    case 'delay':
      return byGroup;
    case 'session':
      // Each session has groups of its own: those of one key come together whatever they are grouped by.
      if (windowKey !== undefined) return together([windowKey], 'sessions are of a key');
      if (mode === 'rows' || !window.keys!.every((key) => plan.keys.includes(key)))
        return together([], 'SESSION without a key looks at all rows');
      return byGroup;
    case 'firstunique':
    case 'unique':
      if (mode === 'rows' && window.kind === 'unique') return any;
      if (windowKey !== undefined && (mode === 'rows' || plan.groupKeys.some(({ text }) => text === windowKey.text)))
        return together([windowKey], 'the window tells rows apart by it');
      return together([], `${window.kind.toUpperCase()} looks at all rows, unless they are grouped by its column`);
    case 'timebatch':
    case 'externaltimebatch':
    case 'lengthbatch':
    case 'length':
    case 'sort':
      return mode === 'rows' && (window.kind === 'length' || window.kind === 'sort') && plan.lateFilter === undefined
        ? any
        : together([], `${window.kind.toUpperCase()} looks at all rows`);
  }
}

function needOfGroups({ groupKeys, keys }: QueryPlan): Need {
  if (keys.length === 0) return together([], 'an aggregate without GROUP BY is of all rows');
  if (groupKeys.length === 0) return together([], 'the row alone does not decide its group');
  return together(groupKeys, 'GROUP BY');
}

function needOfJoin(plan: QueryPlan, { left, right }: InputPlan & { readonly kind: 'join' }): Need {
  if (left.window.kind === 'length' || right.window.kind === 'length')
    return together([], 'a join over LENGTH looks at all rows');
  const pairs = pairsOf(left, right);
  if (pairs.length === 0) return together([], 'ON has no equality of both sides');
  if (plan.mode === 'rows') return { kind: 'pairs', pairs, why: 'ON' };
  if (plan.keys.length === 0) return together([], 'an aggregate without GROUP BY is of all rows');
  const grouped = new Set(plan.groupKeys.flatMap(({ column }) => column ?? []));
  const both = pairs.filter(
    (pair) =>
      (pair.left.column !== undefined && grouped.has(left.input.offset + pair.left.column)) ||
      (pair.right.column !== undefined && grouped.has(right.input.offset + pair.right.column)),
  );
  if (both.length === 0)
    return together(
      [],
      'it is grouped by something else than it is joined by: two queries, one behind the other, can be cut',
    );
  return { kind: 'pairs', pairs: both, why: 'ON and GROUP BY' };
}

function pairsOf(left: JoinSide, right: JoinSide): KeyPair[] {
  return left.rowKeys.flatMap((key, index) => {
    const other = right.rowKeys[index];
    return key === undefined || other === undefined ? [] : [{ left: key, right: other }];
  });
}
