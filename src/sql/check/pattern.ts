import type { Pattern, PatternElement, PatternLeaf } from '../ast/ast.ts';
import type { Environment } from '../functions/scalar-function.ts';
import { SqlProblem } from '../sql-error.ts';
import { bindCondition } from './bind.ts';
import type { StreamOf } from './input.ts';
import { scopeOf } from './input.ts';
import type { ElementPlan, LeafPlan, PatternPlan } from './query-plan.ts';
import type { Input, Scope } from './scope.ts';

/** Checks a pattern. Its flat row holds the columns of all its leaves; those that did not take part are NULL. */
export function checkPattern(
  pattern: Pattern,
  streamOf: StreamOf,
  environment: Environment,
): { readonly input: PatternPlan; readonly scope: Scope } {
  const inputs: Input[] = [];
  const leaves: LeafPlan[] = [];
  const elements: ElementPlan[] = pattern.elements.map((element) => {
    const earlier = [...inputs];
    const places = leavesOf(element).map((leaf) => {
      const input = inputOfLeaf(leaf, inputs, streamOf);
      inputs.push(input);
      return leaves.push({ input, condition: conditionOf(leaf, input, earlier, streamOf, environment) }) - 1;
    });
    return { kind: element.kind, leaves: places };
  });
  const { sequence, every, within } = pattern;
  if (within !== undefined && within.ms <= 0)
    throw new SqlProblem('E_PATTERN', within.at, 'WITHIN needs a positive duration');
  const withinMs = within?.ms ?? Number.POSITIVE_INFINITY;
  return { input: { kind: 'pattern', sequence, every, withinMs, elements, leaves }, scope: scopeOf(inputs, streamOf) };
}

function leavesOf(element: PatternElement): readonly PatternLeaf[] {
  return element.kind === 'leaf' ? [element.leaf] : [element.left, element.right];
}

function inputOfLeaf({ name, stream }: PatternLeaf, inputs: readonly Input[], streamOf: StreamOf): Input {
  const plan = streamOf(stream);
  if (plan.isTable)
    throw new SqlProblem('E_TABLE', stream.at, `table '${plan.name}' cannot be part of a pattern: only streams can`);
  const own = name?.text ?? stream.text;
  if (inputs.some((input) => input.name === own))
    throw new SqlProblem(
      'E_DUPLICATE',
      stream.at,
      `two elements are called '${own}': name them, as in 'e1=${stream.text}'`,
    );
  const last = inputs.at(-1);
  const offset = last === undefined ? 0 : last.offset + last.columns.length;
  return { name: own, stream: plan.name, columns: plan.columns, offset };
}

/** A condition sees its own row, plainly or by the element's name, and the elements before it by theirs. */
function conditionOf(
  { condition }: PatternLeaf,
  input: Input,
  earlier: readonly Input[],
  streamOf: StreamOf,
  environment: Environment,
): LeafPlan['condition'] {
  if (condition === undefined) return undefined;
  const scope = scopeOf([...earlier, input], streamOf, input);
  const clause = 'a condition of a pattern';
  return bindCondition(condition, { scope, environment, clause, hasWindowTimes: false, eventTimeIsWindowEnd: false });
}
