/**
 * `sql: [vwap.sql, { file: trades.sql, tasks.max: 4 }]` of a configuration file: each script is a connector of class sql, named
 * after its file where nothing else is said.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { NamedConnector } from './app-config.ts';
import type { Entry, YamlSection } from './yaml-tree.ts';

export interface SqlApplication extends NamedConnector {
  /** As the configuration names it. */
  readonly file: string;
  /** Line of a key that stands beside the file's name; undefined for others. */
  readonly lineOf: (key: string) => number | undefined;
}

export interface SqlApplications {
  readonly applications: readonly SqlApplication[];
  /** `line` undefined: that of the whole list. */
  readonly problems: readonly { readonly message: string; readonly line: number | undefined }[];
}

/** `files` are entries that are names alone, `sections` those that are maps. */
export interface SqlEntries {
  readonly files: readonly string[];
  readonly sections: readonly YamlSection[];
}

interface Script {
  readonly file: string;
  readonly name: string;
  readonly entries: ReadonlyMap<string, Entry>;
  readonly line: number | undefined;
}

/** What the scripts say is checked with the other connectors. Relative paths start from the folder. */
export function readSqlApplications(
  { files, sections }: SqlEntries,
  folder: string,
  connectorNames: readonly string[],
): SqlApplications {
  const applications: SqlApplication[] = [];
  const problems: { message: string; line: number | undefined }[] = [];
  const scripts = [...files.map((file) => scriptOf(file)), ...sections.map((section) => scriptOfSection(section))];
  for (const { file, name, entries, line } of scripts) {
    const path = resolve(folder, file);
    const other = applications.find((application) => application.name === name);
    const say = (message: string): void => void problems.push({ message, line });
    const own = ['connector.class', 'sql.text'].find((key) => entries.has(key));
    if (file === '') say('an entry that is a map needs "file", the path of the script');
    else if (own !== undefined) say(`"${own}" of "${file}" cannot be set: the script is the file`);
    else if (!existsSync(path)) say(`cannot read "${file}": there is no such file`);
    else if (!statSync(path).isFile()) say(`cannot read "${file}": it is no file`);
    else if (other !== undefined) say(`"${other.file}" and "${file}" would both be the connector "${name}"`);
    else if (connectorNames.includes(name))
      say(`"${file}" would be the connector "${name}", and there is one of that name`);
    else {
      const set = [...entries].filter(([key]) => key !== 'file' && key !== 'name');
      const config = {
        ...Object.fromEntries(set.map(([key, { value }]) => [key, value])),
        'connector.class': 'sql',
        'sql.text': readFileSync(path, 'utf8'),
      };
      applications.push({ name, file, config, lineOf: (key) => entries.get(key)?.line });
    }
  }
  return { applications, problems };
}

function scriptOf(file: string, name?: string): Script {
  return { file, name: name ?? basename(file).replace(/\.sql$/i, ''), entries: new Map(), line: undefined };
}

function scriptOfSection({ line, entries }: YamlSection): Script {
  return { ...scriptOf(entries.get('file')?.value ?? '', entries.get('name')?.value), entries, line };
}
