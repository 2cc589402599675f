import type { Expression } from '../ast/ast.ts';
import { type Bound, widened } from '../functions/scalar-function.ts';
import { didYouMean, SqlProblem } from '../sql-error.ts';
import { cast } from '../values/cast.ts';
import { comparison } from '../values/compare.ts';
import { commonType, type ExpressionType, typeNames, typeOfName } from '../values/type.ts';
import type { Evaluate } from '../values/value.ts';
import { bind } from './bind.ts';
import type { Context } from './context.ts';

type Of<Kind extends Expression['kind']> = Extract<Expression, { readonly kind: Kind }>;

export function bindCase({ subject, branches, otherwise, at }: Of<'case'>, context: Context): Bound {
  const value = subject === undefined ? undefined : bind(subject, context);
  const tests = branches.map(({ when }) => caseTest(value, bind(when, context), at));
  const results = branches.map(({ result }) => bind(result, context));
  const fallback: Bound = otherwise === undefined ? { type: 'NULL', evaluate: () => null } : bind(otherwise, context);
  const type = [...results, fallback].reduce<ExpressionType>((shared, branch) => {
    const common = commonType(shared, branch.type);
    if (common === undefined)
      throw new SqlProblem(
        'E_TYPE',
        at,
        `branches of CASE must have one type, not ${shared} and ${branch.type}: use CAST`,
      );
    return common;
  }, 'NULL');
  const wide = results.map((result) => widened(result, type));
  const last = widened(fallback, type);
  return {
    type,
    evaluate(frame) {
      for (let i = 0; i < tests.length; i++) {
        if (tests[i]!(frame) === true) return wide[i]!(frame);
      }
      return last(frame);
    },
  };
}

/** WHEN is a condition, or with a subject what the subject must equal. */
function caseTest(subject: Bound | undefined, when: Bound, at: number): Evaluate {
  if (subject === undefined) {
    if (when.type !== 'BOOL' && when.type !== 'NULL')
      throw new SqlProblem('E_TYPE', at, `WHEN needs BOOL, not ${when.type}`);
    return when.evaluate;
  }
  const compare = comparison(subject.type, when.type);
  if (compare === undefined)
    throw new SqlProblem('E_TYPE', at, `CASE cannot compare ${subject.type} with ${when.type}: use CAST`);
  return (frame) => {
    const a = subject.evaluate(frame);
    const b = when.evaluate(frame);
    return a === null || b === null ? null : compare(a, b) === 0;
  };
}

export function bindCast({ value, type }: Of<'cast'>, context: Context): Bound {
  const operand = bind(value, context);
  const to = typeOfName(type.text);
  if (to === undefined)
    throw new SqlProblem('E_UNKNOWN_TYPE', type.at, `unknown type '${type.text}'${didYouMean(type.text, typeNames)}`);
  const convert = cast(operand.type, to);
  return { type: to, evaluate: (frame) => convert(operand.evaluate(frame)) };
}
