/** The tables of docs/sql.md that are made from the code. `node test/support/sql-docs.ts` writes them anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OptionSpec, optionSpecs } from '../../src/sql/check/option-specs.ts';
import { translations } from '../../src/sql/runtime/connector-config.ts';

const file = join(import.meta.dirname, '../../docs/sql.md');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return lines.join('\n');
}

function typeOf({ type }: OptionSpec): string {
  switch (type.kind) {
    case 'one of':
      return type.values.join(', ');
    case 'whole':
      return type.min === undefined ? 'whole number' : `whole number ≥ ${type.min}`;
    case 'bool':
      return 'true, false';
    case 'number':
      return 'number from 0 to 1';
    case 'duration':
      return '`100ms`, `30s`, `5m`, `1h`';
    case 'kafka position':
      return 'latest, earliest, milliseconds';
    case 'message type':
      return 'text, binary';
    default:
      return type.kind;
  }
}

const options = table(
  ['key', 'for', 'value', 'default', 'meaning'],
  optionSpecs.map((spec) => [
    `\`${spec.key}\``,
    spec.roles.join(', '),
    typeOf(spec),
    spec.required === true ? 'required' : (spec.default ?? ''),
    spec.doc,
  ]),
);

const connectors = table(
  ['stream', 'option of SQL', 'option of the connector'],
  Object.entries(translations).flatMap(([kind, list]) =>
    list
      .filter(({ sql, connector }) => sql !== connector)
      .map(({ sql, connector }) => [kind, `\`${sql}\``, `\`${connector}\``]),
  ),
);

const generated: Readonly<Record<string, string>> = { options, connectors };

/** The document as it should be. */
export function withTables(text: string): string {
  return Object.entries(generated).reduce(
    (result, [name, content]) =>
      result.replace(
        new RegExp(`(<!-- made from the code: ${name} -->\n)[\\s\\S]*?(\n<!-- end -->)`),
        (_, begin: string, end: string) => begin + content + end,
      ),
    text,
  );
}

export function readDocument(): string {
  return readFileSync(file, 'utf8');
}

if (process.argv[1] === import.meta.filename) writeFileSync(file, withTables(readDocument()));
