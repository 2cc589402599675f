export const types = ['STRING', 'INT', 'LONG', 'FLOAT', 'DOUBLE', 'BOOL', 'OBJECT', 'BYTES'] as const;

export type Type = (typeof types)[number];

/** The literal NULL has a type of its own, which fits every other. */
export type ExpressionType = Type | 'NULL';

const aliases: Readonly<Record<Type, string>> = {
  STRING: 'VARCHAR TEXT CHAR',
  INT: 'INTEGER SMALLINT TINYINT INT2 INT4',
  LONG: 'BIGINT INT8 TIMESTAMP DATETIME DATE TIME',
  FLOAT: 'REAL',
  DOUBLE: 'DECIMAL NUMERIC',
  BOOL: 'BOOLEAN',
  OBJECT: 'JSON',
  BYTES: 'BINARY',
};

const byName = new Map<string, Type>(
  types.flatMap((type) => [type, ...aliases[type].split(' ')].map((name) => [name, type] as const)),
);

export const typeNames: readonly string[] = [...byName.keys()];

export function typeOfName(name: string): Type | undefined {
  return byName.get(name.toUpperCase());
}

export function isInteger(type: ExpressionType): boolean {
  return type === 'INT' || type === 'LONG';
}

export function isNumeric(type: ExpressionType): boolean {
  return isInteger(type) || type === 'FLOAT' || type === 'DOUBLE';
}

/** The type that holds values of both: numbers widen, NULL fits all. Undefined where there is none. */
export function commonType(a: ExpressionType, b: ExpressionType): ExpressionType | undefined {
  if (a === b || b === 'NULL') return a;
  if (a === 'NULL') return b;
  if (!isNumeric(a) || !isNumeric(b)) return undefined;
  return isInteger(a) && isInteger(b) ? 'LONG' : 'DOUBLE';
}
