import type {
  ColumnDefinition,
  Create,
  From,
  OrderKey,
  Pattern,
  PatternElement,
  PatternLeaf,
  Query,
  Script,
  SelectItem,
  Source,
  Statement,
  Window,
} from './ast.ts';
import { printDuration, printExpression, printName, printString } from './print-expression.ts';

/** The script as text that parses to the same tree. Comments and the writing of keywords are not kept. */
export function print(script: Script): string {
  return script.statements.map((statement) => `${printStatement(statement)};`).join('\n');
}

function printStatement(statement: Statement): string {
  switch (statement.kind) {
    case 'create':
      return printCreate(statement);
    case 'query':
      return printQuery(statement);
    case 'partition': {
      const keys = statement.keys.map(({ column, stream }) => `${printName(column.text)} OF ${printName(stream.text)}`);
      const queries = statement.queries.map((query) => `  ${printQuery(query)};\n`).join('');
      return `PARTITION WITH (${keys.join(', ')}) BEGIN\n${queries}END`;
    }
  }
}

function printCreate(create: Create): string {
  const columns = create.columns.map(printColumn).join(', ');
  const options = create.options.map(({ key, value }) => `${printName(key.text)} = ${printString(value.text)}`);
  const suffix = options.length === 0 ? '' : ` WITH (${options.join(', ')})`;
  return `CREATE ${create.what.toUpperCase()} ${printName(create.name.text)} (${columns})${suffix}`;
}

function printColumn({ name, type, primaryKey, notNull }: ColumnDefinition): string {
  return `${printName(name.text)} ${printName(type.text)}${primaryKey ? ' PRIMARY KEY' : ''}${notNull ? ' NOT NULL' : ''}`;
}

export function printQuery(query: Query): string {
  const where = query.where === undefined ? '' : ` WHERE ${printExpression(query.where.value)}`;
  const window = query.window === undefined ? '' : ` ${printWindow(query.window)}`;
  const clauses = [
    query.target === undefined ? '' : `INSERT INTO ${printName(query.target.text)} `,
    `SELECT ${query.distinct ? 'DISTINCT ' : ''}${query.items.map(printItem).join(', ')} FROM ${printFrom(query.from)}`,
    query.whereFirst ? where + window : window + where,
    query.groupBy.length === 0 ? '' : ` GROUP BY ${query.groupBy.map(printExpression).join(', ')}`,
    query.having === undefined ? '' : ` HAVING ${printExpression(query.having.value)}`,
    query.orderBy.length === 0 ? '' : ` ORDER BY ${query.orderBy.map(printOrderKey).join(', ')}`,
    query.limit === undefined ? '' : ` LIMIT ${query.limit.count}`,
    query.offset === undefined ? '' : ` OFFSET ${query.offset.count}`,
    query.output === undefined ? '' : ` OUTPUT ${query.output.kind.toUpperCase()} EVERY ${query.output.every} EVENTS`,
  ];
  return clauses.join('');
}

function printItem(item: SelectItem): string {
  if (item.kind === 'all') return item.of === undefined ? '*' : `${printName(item.of.text)}.*`;
  return `${printExpression(item.value)}${item.alias === undefined ? '' : ` AS ${printName(item.alias.text)}`}`;
}

function printOrderKey({ value, descending, nulls }: OrderKey): string {
  const suffix = nulls === undefined ? '' : ` NULLS ${nulls.toUpperCase()}`;
  return `${printExpression(value)}${descending ? ' DESC' : ''}${suffix}`;
}

function printFrom(from: From): string {
  if (from.kind === 'source') return printSource(from.source);
  if (from.kind === 'pattern') return printPattern(from);
  const join = `${from.type.toUpperCase()} JOIN`;
  return `${printSource(from.left)} ${join} ${printSource(from.right)} ON ${printExpression(from.on.value)}`;
}

function printSource({ name, alias, window }: Source): string {
  const suffix = window === undefined ? '' : ` ${printWindow(window)}`;
  return `${printName(name.text)}${alias === undefined ? '' : ` AS ${printName(alias.text)}`}${suffix}`;
}

function printPattern({ sequence, every, elements, within, alias }: Pattern): string {
  const chain = elements.map(printElement).join(' -> ');
  return [
    sequence ? 'SEQUENCE ' : 'PATTERN ',
    every ? `(EVERY (${chain}))` : `(${chain})`,
    within === undefined ? '' : ` WITHIN ${printDuration(within)}`,
    alias === undefined ? '' : ` AS ${printName(alias.text)}`,
  ].join('');
}

function printElement(element: PatternElement): string {
  if (element.kind === 'leaf') return printLeaf(element.leaf);
  return `(${printLeaf(element.left)} ${element.kind.toUpperCase()} ${printLeaf(element.right)})`;
}

function printLeaf({ name, stream, condition }: PatternLeaf): string {
  const prefix = name === undefined ? '' : `${printName(name.text)} = `;
  return `${prefix}${printName(stream.text)}${condition === undefined ? '' : `[${printExpression(condition.value)}]`}`;
}

export function printWindow({ kind, arguments: list }: Window): string {
  return `WINDOW ${printName(kind.text)}(${list.map(printExpression).join(', ')})`;
}
