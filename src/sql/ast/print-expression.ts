import { unreachable } from '../../base/assert.ts';
import type { Duration, Expression, PathKey } from './ast.ts';

/** An expression as text that parses to the same tree. Operands stand in parentheses, so that no precedence is needed. */
export function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'null':
      return 'NULL';
    case 'bool':
      return expression.value ? 'TRUE' : 'FALSE';
    case 'string':
      return printString(expression.value);
    case 'long':
      return String(expression.value);
    case 'double':
      return printDouble(expression.value);
    case 'interval':
      return printDuration(expression);
    case 'name':
      return printName(expression.name);
    case 'field':
      return `${operand(expression.object)}.${printName(expression.name.text)}`;
    case 'element':
      return `${operand(expression.object)}[${printKey(expression.key)}]`;
    case 'arrow':
      return `${operand(expression.object)}${expression.text ? '->>' : '->'}${printKey(expression.key)}`;
    case 'sign':
      return `${expression.negative ? '-' : '+'}${operand(expression.value)}`;
    case 'not':
      return `NOT ${operand(expression.value)}`;
    case 'logic':
    case 'arithmetic':
    case 'comparison':
      return `${operand(expression.left)} ${expression.operator} ${operand(expression.right)}`;
    case 'concat':
      return `${operand(expression.left)} || ${operand(expression.right)}`;
    case 'is':
      return `${operand(expression.value)} IS ${not(expression)}${expression.what}`;
    case 'between': {
      const bounds = `${operand(expression.low)} AND ${operand(expression.high)}`;
      return `${operand(expression.value)} ${not(expression)}BETWEEN ${bounds}`;
    }
    case 'in':
      return `${operand(expression.value)} ${not(expression)}IN (${expression.list.map(printExpression).join(', ')})`;
    case 'like': {
      const suffix = expression.escape === undefined ? '' : ` ESCAPE ${printString(expression.escape)}`;
      return `${operand(expression.value)} ${not(expression)}LIKE ${operand(expression.pattern)}${suffix}`;
    }
    case 'case': {
      const subject = expression.subject === undefined ? '' : ` ${operand(expression.subject)}`;
      const branches = expression.branches.map(
        ({ when, result }) => ` WHEN ${printExpression(when)} THEN ${printExpression(result)}`,
      );
      const otherwise = expression.otherwise === undefined ? '' : ` ELSE ${printExpression(expression.otherwise)}`;
      return `CASE${subject}${branches.join('')}${otherwise} END`;
    }
    case 'cast':
      return `${expression.try ? 'TRY_CAST' : 'CAST'}(${printExpression(expression.value)} AS ${printName(expression.type.text)})`;
    case 'extract':
      return `EXTRACT(${printName(expression.unit.text)} FROM ${printExpression(expression.value)})`;
    case 'call': {
      const list = expression.star ? '*' : expression.arguments.map(printExpression).join(', ');
      return `${expression.name}(${expression.distinct ? 'DISTINCT ' : ''}${list})`;
    }
    default:
      return unreachable(expression);
  }
}

function not({ negated }: { readonly negated: boolean }): string {
  return negated ? 'NOT ' : '';
}

/** Names and literals need no parentheses; a number does, lest a dot or a sign beside it be read as its own. */
function operand(expression: Expression): string {
  const text = printExpression(expression);
  return ['null', 'bool', 'string', 'name', 'call', 'case', 'cast', 'extract'].includes(expression.kind)
    ? text
    : `(${text})`;
}

function printKey(key: PathKey): string {
  if (typeof key === 'number') return String(key);
  return typeof key === 'string' ? printString(key) : 'last';
}

function printDouble(value: number): string {
  const text = Object.is(value, -0) ? '-0.0' : String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** Always quoted: then no name can be taken for a keyword. */
export function printName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function printString(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function printDuration({ ms }: Duration): string {
  return `INTERVAL ${printString(String(ms))} MS`;
}
