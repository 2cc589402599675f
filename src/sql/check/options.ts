import type { Create, Name, Option } from '../ast/ast.ts';
import { didYouMean, SqlProblem } from '../sql-error.ts';
import { formats, optionSpec, optionSpecs, type Role, sinkExtensions, sourceExtensions } from './option-specs.ts';
import { wrongValue } from './option-value.ts';
import type { Column } from './scope.ts';

export interface StreamOptions {
  readonly role: Role;
  readonly extension?: string;
  readonly format?: (typeof formats)[number];
  /** All options as they are written, by key. */
  readonly values: ReadonlyMap<string, string>;
}

/** Checks the WITH of a stream: first what it is, then each option in the order of the text, then what is missing. */
export function checkOptions(create: Create, columns: readonly Column[]): StreamOptions {
  const written = new Map<string, Option>();
  for (const option of create.options) {
    if (written.has(option.key.text))
      throw new SqlProblem('E_DUPLICATE', option.key.at, `option '${option.key.text}' stands twice`);
    written.set(option.key.text, option);
  }
  const role = roleOf(create, written);
  const extension = written.get('extension')?.value;
  const format = written.get('format')?.value;
  for (const { key, value } of create.options) checkOption(key, value, role, extension?.text, columns);
  if (role === 'internal') return { role, values: valuesOf(written) };
  for (const { key, required, of } of optionSpecs) {
    if (required === true && (of === undefined || of === extension?.text) && !written.has(key))
      throw new SqlProblem('E_OPTION_MISSING', create.name.at, `Missing required property: ${key}`);
  }
  checkFormat(format!, role, columns);
  return {
    role,
    extension: extension!.text,
    format: format!.text as StreamOptions['format'],
    values: valuesOf(written),
  };
}

function valuesOf(written: ReadonlyMap<string, Option>): Map<string, string> {
  return new Map([...written].map(([key, { value }]) => [key, value.text]));
}

function roleOf(create: Create, written: ReadonlyMap<string, Option>): Role {
  const type = written.get('type')?.value;
  if (type === undefined) {
    if (!written.has('extension')) return 'internal';
    throw new SqlProblem('E_OPTION_MISSING', create.name.at, "Missing required property: type ('source' or 'sink')");
  }
  if (type.text === 'source' || type.text === 'sink' || type.text === 'internal') return type.text;
  const hint = didYouMean(type.text, ['source', 'sink', 'internal']);
  throw new SqlProblem(
    'E_OPTION_VALUE',
    type.at,
    `option 'type' must be 'source', 'sink' or 'internal', not '${type.text}'${hint}`,
  );
}

function checkOption(
  key: Name,
  value: Name,
  role: Role,
  extension: string | undefined,
  columns: readonly Column[],
): void {
  const spec = optionSpec(key.text);
  if (spec === undefined) {
    const known = optionSpecs.filter(({ roles }) => roles.includes(role)).map((known) => known.key);
    throw new SqlProblem('E_OPTION_UNKNOWN', key.at, `unknown option '${key.text}'${didYouMean(key.text, known)}`);
  }
  if (role === 'internal' && (key.text === 'extension' || key.text === 'format'))
    throw new SqlProblem('E_OPTION_VALUE', key.at, `an internal stream takes no ${key.text}`);
  if (!spec.roles.includes(role)) {
    const roles = spec.roles.filter((other) => other !== 'internal').join(' or ');
    throw new SqlProblem(
      'E_OPTION_UNKNOWN',
      key.at,
      `option '${key.text}' is only for a ${roles}, and this is ${role === 'internal' ? 'an' : 'a'} ${role}`,
    );
  }
  if (key.text === 'extension') checkExtension(value, role);
  if (key.text === 'format' && !formats.some((format) => format === value.text))
    throw new SqlProblem(
      'E_OPTION_VALUE',
      value.at,
      `option 'format' must be json, text or bytes, not '${value.text}'`,
    );
  const isForeign =
    spec.of !== undefined && !key.text.startsWith('json.') && extension !== undefined && spec.of !== extension;
  if (isForeign)
    throw new SqlProblem('E_OPTION_UNKNOWN', key.at, `option '${key.text}' is only for extension '${spec.of}'`);
  if (key.text.startsWith('tls.') && (extension === 'kafka' || extension === 'log')) {
    const why = extension === 'kafka' ? ': how the broker is reached is said where the broker is named' : '';
    throw new SqlProblem('E_OPTION_UNKNOWN', key.at, `option '${key.text}' is not for extension '${extension}'${why}`);
  }
  const wrong = wrongValue(key.text, spec.type, value.text);
  if (wrong !== undefined) throw new SqlProblem('E_OPTION_VALUE', value.at, wrong);
  if (spec.type.kind === 'column') checkColumn(value.text, value.at, columns, key.text);
  if (spec.type.kind === 'path') checkColumn(key.text.slice('json.mapping.'.length), key.at, columns, key.text);
  if (key.text === 'json.template') {
    for (const column of templateColumns(value.text)) checkColumn(column, value.at, columns, key.text);
  }
}

export function templateColumns(template: string): string[] {
  return [...template.matchAll(/\{\{([^{}]*)\}\}/g)].map(([, name]) => name!.trim());
}

function checkExtension(value: Name, role: Role): void {
  const known: readonly string[] = role === 'source' ? sourceExtensions : sinkExtensions;
  if (known.includes(value.text)) return;
  const hint = didYouMean(value.text, known);
  throw new SqlProblem(
    'E_OPTION_VALUE',
    value.at,
    `option 'extension' of a ${role} must be ${known.join(', ')}, not '${value.text}'${hint}`,
  );
}

function checkColumn(name: string, at: number, columns: readonly Column[], key: string): void {
  const column = columns.find((known) => known.name === name);
  if (column === undefined) {
    const hint = didYouMean(
      name,
      columns.map((known) => known.name),
    );
    throw new SqlProblem('E_UNKNOWN_COLUMN', at, `option '${key}' names an unknown column '${name}'${hint}`);
  }
  if (key === 'event.time.field' && column.type !== 'LONG')
    throw new SqlProblem('E_OPTION_VALUE', at, `option '${key}' needs a LONG column, and '${name}' is ${column.type}`);
}

function checkFormat(format: Name, role: Role, columns: readonly Column[]): void {
  const [first, ...others] = columns;
  if (format.text === 'bytes' && (others.length > 0 || first?.type !== 'BYTES'))
    throw new SqlProblem('E_OPTION_VALUE', format.at, "format 'bytes' needs a stream of exactly one BYTES column");
  if (format.text === 'text' && role === 'source' && (others.length > 0 || first?.type !== 'STRING'))
    throw new SqlProblem('E_OPTION_VALUE', format.at, "format 'text' needs a source of exactly one STRING column");
}
